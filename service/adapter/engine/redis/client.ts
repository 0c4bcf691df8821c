// Types of node-redis clients: those that the adapter opens, and those that users pass.
import type { createClient } from '@redis/client';

/** One connection. */
export type Client = ReturnType<typeof createClient>;

/**
 * A client from `createClient`, `createSentinel` or `createCluster` of redis 5 or 6. It need not be
 * connected: the adapter reads its options and opens its own connections.
 */
export interface RedisClient {
  connect(): Promise<unknown>;
  withTypeMapping(mapping: never): unknown;
}

/** The options of `createSentinel`. Sentinel clients of redis 5 do not expose them. */
export interface SentinelOptions {
  name: string;
  sentinelRootNodes: { host: string; port: number }[];
  nodeClientOptions?: object;
  sentinelClientOptions?: object;
}
