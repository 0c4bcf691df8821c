// What both histories share: their limits and the keys of what was sent.

export interface HistoryLimits {
  /** Messages kept per room. */
  messagesMax: number;
  /** Milliseconds a message is kept. */
  msMax: number;
}

/** How long the same id is answered with the first result. */
export const idempotencyMsMax = 600_000;
/** How long a request that has begun and not finished keeps its key. */
export const pendingMsMax = 5_000;

/** The key of a user's own message id; the length keeps `a:b` + `c` apart from `a` + `b:c`. */
export const sentKey = (userId: string, id: string) => `${userId.length}:${userId}:${id}`;
