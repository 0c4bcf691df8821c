// Recent messages of each room. A message is recorded and published atomically.
import { randomUUID } from 'node:crypto';
import { createLimiterByKey } from '../lib/limiter-by-key.ts';
import { readJson } from '../lib/read-json.ts';
import { type Message, messageSchema } from '../protocol/events.ts';
import type { Broadcast, Target } from './broadcast.ts';

export interface Draft {
  roomId: string;
  userId: string;
  text: string;
  /** Idempotency key chosen by the client, per user. */
  id?: string | undefined;
}

/** The methods reject with `Unavailable`. */
export interface History {
  /**
   * Emits the message to a target in the namespace `/` and records it, atomically. If the draft's
   * id was published before, nothing happens: `first` is false and `message` is the first message,
   * or `ok` is false if that has another text or room.
   * After `Unavailable` the message may still have been published; retry with the same id.
   */
  publish(
    target: Target,
    event: string,
    draft: Draft,
  ): Promise<{ ok: true; message: Message; first: boolean } | { ok: false }>;
  /**
   * Rejects with `Busy` if the reader reads too much at once.
   * The newest `limit` messages before a message id or a time in epoch milliseconds, oldest first.
   */
  read(roomId: string, query: HistoryQuery): Promise<{ messages: Message[]; more: boolean }>;
}

export interface HistoryQuery {
  before?: string | number | undefined;
  limit: number;
  /** Who reads, for example a user: each reader reads only a little at once. */
  reader?: string;
}

export interface HistoryLimits {
  /** Messages kept per room. */
  messagesMax: number;
  /** Bytes kept per room. */
  bytesMax: number;
  /** Milliseconds a message is kept. */
  msMax: number;
}

const pageLettersMax = 512 * 1024; // keeps answers small enough for any client
const readAtOnceMax = 100; // while looking for an older message
const readsAtOnceMax = 2; // of one reader
const readsWaitingMax = 200; // a client may join many rooms at once
const keyOf = (roomId: string) => `history:${roomId}`;

export function createHistory(
  { publish, recorded }: Pick<Broadcast, 'publish' | 'recorded'>,
  { messagesMax, bytesMax, msMax }: HistoryLimits,
  now: () => number,
  unreadable: () => void,
): History {
  /** The messages of a room, newest first. A broken one is skipped. */
  async function* stored(roomId: string, count: number): AsyncGenerator<Message> {
    for await (const value of recorded(keyOf(roomId), count)) {
      const message = readJson(messageSchema, value);
      if (message) yield message;
      else unreadable();
    }
  }
  async function read(roomId: string, { before, limit }: HistoryQuery) {
    const page: Message[] = []; // newest first
    let letters = 0;
    const count = before === undefined ? limit + 1 : readAtOnceMax;
    for await (const message of older(stored(roomId, count), { before, limit }, now() - msMax)) {
      letters += message.text.length;
      const full = page.length >= limit || (page.length > 0 && letters > pageLettersMax);
      if (full) return { messages: page.reverse(), more: true };
      page.push(message);
    }
    return { messages: page.reverse(), more: false };
  }
  const inTurn = createLimiterByKey(readsAtOnceMax, readsWaitingMax);
  return {
    async publish(target, event, { roomId, userId, text, id }) {
      const message: Message = {
        id: id ?? randomUUID(),
        roomId,
        userId,
        text,
        at: Math.floor(now()),
      };
      const value = JSON.stringify(message);
      // The length keeps `a:b` + `c` apart from `a` + `b:c`.
      const key = `sent:${userId.length}:${userId}:${id}`;
      const { first, conflict, result } = await publish(target, event, [message], {
        record: { key: keyOf(roomId), value, entriesMax: messagesMax, bytesMax, ms: msMax },
        ...(id !== undefined && {
          once: { key, content: [roomId, text], result: String(message.at) },
        }),
      });
      if (conflict) return { ok: false };
      return { ok: true, message: first ? message : { ...message, at: Number(result) }, first };
    },
    read(roomId, query) {
      const { reader } = query;
      return reader === undefined ? read(roomId, query) : inTurn(reader, () => read(roomId, query));
    },
  };
}

/**
 * The messages before `before`; none if the id is unknown. If two users chose the same id, the
 * oldest of these messages counts, so that paging terminates.
 */
async function* older(
  newestFirst: AsyncIterable<Message>,
  { before, limit }: HistoryQuery,
  oldestAt: number,
): AsyncGenerator<Message> {
  let beforeId: Message[] | undefined;
  for await (const message of newestFirst) {
    if (message.at <= oldestAt) break;
    if (before === undefined || (typeof before === 'number' && message.at < before)) yield message;
    else if (message.id === before) beforeId = [];
    else if (beforeId && beforeId.length <= limit) beforeId.push(message);
  }
  yield* beforeId ?? [];
}
