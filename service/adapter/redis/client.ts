// The clients of node-redis: those that the adapter opens, and those that it is given.
import type { createClient } from '@redis/client';

/** One connection. */
export type Client = ReturnType<typeof createClient>;

/**
 * What `createClient`, `createSentinel` or `createCluster` of redis 5 or 6 returns. Connected or
 * not: the adapter reads its options and opens connections of its own.
 */
export interface RedisClient {
  connect(): Promise<unknown>;
  withTypeMapping(mapping: never): unknown;
}

/** The options of `createSentinel`, for redis 5, whose Sentinel clients do not show them. */
export interface SentinelOptions {
  name: string;
  sentinelRootNodes: { host: string; port: number }[];
  nodeClientOptions?: object;
  sentinelClientOptions?: object;
}
