// Recent messages of each room, in it exactly if they were published: both are one step.
import { randomUUID } from 'node:crypto';
import type { Message } from '../protocol/events.ts';
import type { Broadcast, Target } from './broadcast.ts';

export interface Draft {
  roomId: string;
  userId: string;
  text: string;
  /** Chosen by the client: the same id from the same user is one message. */
  id?: string | undefined;
}

/** Recent messages of each room. Rejects with `Unavailable`. */
export interface History {
  /**
   * Emits the message to a target in the namespace `/` and keeps it, both or neither. `first` is
   * false when the draft's id was published before: then nothing happens, and `message` is the
   * first one. After `Unavailable` it may be published all the same: the same id finds out.
   */
  publish(
    target: Target,
    event: string,
    draft: Draft,
  ): Promise<{ message: Message; first: boolean }>;
  /** Oldest first, the newest `limit` of those before a message's id or epoch milliseconds. */
  read(roomId: string, query: HistoryQuery): Promise<{ messages: Message[]; more: boolean }>;
}

export interface HistoryQuery {
  before?: string | number | undefined;
  limit: number;
}

export interface HistoryLimits {
  /** Messages kept per room. */
  messagesMax: number;
  /** Milliseconds a message is kept. */
  msMax: number;
}

const pageLettersMax = 512 * 1024; // an answer must not be larger than a client can take
const keyOf = (roomId: string) => `history:${roomId}`;

export function createHistory(
  { publish, recorded }: Pick<Broadcast, 'publish' | 'recorded'>,
  { messagesMax, msMax }: HistoryLimits,
): History {
  return {
    async publish(target, event, { roomId, userId, text, id }) {
      const message: Message = { id: id ?? randomUUID(), roomId, userId, text, at: Date.now() };
      const value = JSON.stringify(message);
      const outcome = await publish(target, event, [message], {
        record: { key: keyOf(roomId), value, entriesMax: messagesMax, ms: msMax },
        // The length keeps `a:b` + `c` apart from `a` + `b:c`.
        ...(id !== undefined && { once: `sent:${userId.length}:${userId}:${id}` }),
      });
      return { message: JSON.parse(outcome.record), first: outcome.first };
    },
    async read(roomId, { before, limit }) {
      const page: Message[] = []; // newest first
      let letters = 0;
      for await (const message of older(recorded(keyOf(roomId)), before, Date.now() - msMax)) {
        letters += message.text.length;
        const full = page.length >= limit || (page.length > 0 && letters > pageLettersMax);
        if (full) return { messages: page.reverse(), more: true };
        page.push(message);
      }
      return { messages: page.reverse(), more: false };
    },
  };
}

/**
 * The messages before `before`; an unknown id has none before it. Two users may have chosen the
 * same id: then before the oldest of them, so that pages come to an end.
 */
async function* older(
  newestFirst: AsyncIterable<string>,
  before: HistoryQuery['before'],
  oldestAt: number,
): AsyncGenerator<Message> {
  let beforeId: Message[] | undefined;
  for await (const value of newestFirst) {
    const message: Message = JSON.parse(value);
    if (message.at <= oldestAt) break;
    if (before === undefined || (typeof before === 'number' && message.at < before)) yield message;
    else if (message.id === before) beforeId = [];
    else beforeId?.push(message);
  }
  yield* beforeId ?? [];
}
