// The clients of node-redis: those that the adapter opens, and the one that it is given.
import type { createClient } from '@redis/client';

/** One connection. */
export type Client = ReturnType<typeof createClient>;

/** What node-redis's `createClient`, `createSentinel` or `createCluster` returns. */
export interface RedisClient {
  duplicate(overrides?: object): unknown;
}
