// The history of one process, for development and for a single replica.
import { randomUUID } from 'node:crypto';
import type { History } from '../application.ts';
import type { Message } from '../protocol.ts';
import { type HistoryLimits, idempotencyMsMax, pageOf, pendingMsMax, sentKey } from './history.ts';

const keysMax = 100_000;
const roomsMax = 100_000;

export function createMemoryHistory({ messagesMax, msMax }: HistoryLimits): History {
  const rooms = new Map<string, Message[]>();
  const keys = new Map<string, { until: number; value: Message | 'pending' | 'done' }>();

  const recall = (key: string) => {
    const entry = keys.get(key);
    return entry && entry.until > Date.now() ? entry.value : undefined;
  };
  const remember = (key: string, value: Message | 'pending' | 'done', ms: number) => {
    keys.delete(key); // so that the map stays in the order of writing
    keys.set(key, { until: Date.now() + ms, value });
    dropOldest(keys, keysMax);
  };
  const recent = (roomId: string) => {
    const oldest = Date.now() - msMax;
    return (rooms.get(roomId) ?? []).filter((message) => message.at > oldest);
  };

  return {
    async append({ roomId, userId, text, id }) {
      const key = id && sentKey(userId, id);
      const first = key && recall(key);
      if (typeof first === 'object') return { message: first, first: false };
      const message = { id: id ?? randomUUID(), roomId, userId, text, at: Date.now() };
      const messages = [...recent(roomId), message].slice(-messagesMax);
      rooms.delete(roomId);
      rooms.set(roomId, messages);
      dropOldest(rooms, roomsMax);
      if (key) remember(key, message, idempotencyMsMax);
      return { message, first: true };
    },
    async read(roomId, { before, limit }) {
      const messages = recent(roomId);
      return pageOf(messages.slice(0, endOf(messages, before)).reverse(), limit);
    },
    async begin(key) {
      const value = recall(key);
      if (value === 'pending' || value === 'done') return value;
      remember(key, 'pending', pendingMsMax);
      return 'new';
    },
    async finish(key) {
      remember(key, 'done', idempotencyMsMax);
    },
  };
}

/**
 * Where the messages before `before` end; an unknown id has none before it. Two users may have
 * chosen the same id: before the oldest of them, so that pages come to an end.
 */
function endOf(messages: Message[], before: string | number | undefined): number {
  if (before === undefined) return messages.length;
  if (typeof before === 'number') return messages.filter(({ at }) => at < before).length;
  return Math.max(
    0,
    messages.findIndex(({ id }) => id === before),
  );
}

/** A Map keeps the order of insertion: what comes first is the oldest. */
function dropOldest(map: Map<string, unknown>, max: number): void {
  for (const key of map.keys()) {
    if (map.size <= max) return;
    map.delete(key);
  }
}
