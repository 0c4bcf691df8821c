// What both histories share: their limits, the keys of what was sent, and the size of a page.
import type { Message } from '../protocol.ts';

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

const pageLettersMax = 512 * 1024; // an answer must not be larger than a client can take

/** The newest of the given messages that fit one answer, at most `limit`, oldest first. */
export function pageOf(newestFirst: Message[], limit: number) {
  const page: Message[] = [];
  let letters = 0;
  for (const message of newestFirst.slice(0, limit)) {
    letters += message.text.length;
    if (page.length > 0 && letters > pageLettersMax) break;
    page.push(message);
  }
  return { messages: page.reverse(), more: page.length < newestFirst.length };
}
