// What back ends order of every process, and whose tokens count no more.

export type Order =
  | { type: 'disconnect'; users: string[]; sockets: string[] }
  | { type: 'revoke'; userId: string; before: number };

/** Each process asks for its orders, so that one that was cut off from Redis misses none. */
export interface Orders {
  /** Resolves when every process will find it. Rejects with `Unavailable`. */
  give(order: Order): Promise<void>;
  /** What was given since the last call, oldest first. In Redis, since the first one. */
  take(): Promise<Order[]>;
  /**
   * Epoch milliseconds before which the user's tokens count no more, 0 if they all do. While Redis
   * is away it is what this process knows.
   */
  revokedBefore(userId: string): Promise<number>;
}

/** How long a revocation is kept: tokens that live longer come to life again. */
export const revokedMsMax = 30 * 86_400_000;

/** Revocations that one process remembers by itself. */
export const knownMax = 100_000;
