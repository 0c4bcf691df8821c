// What is kept outside the process, or in it when there is no Redis.
import { randomUUID } from 'node:crypto';
import type { History, Presence } from '../application.ts';
import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import { type Broadcast, type Identify, memoryBroadcast, redisBroadcast } from './adapter.ts';
import { createMemoryHistory } from './history.memory.ts';
import { createRedisHistory } from './history.redis.ts';
import { createMemoryPresence } from './presence.memory.ts';
import { createRedisPresence } from './presence.redis.ts';
import { openRedis } from './redis.ts';

const goneMsMin = 15_000; // a process that sweeps every few seconds is not gone before

export interface Stores {
  history: History;
  presence: Presence;
  broadcast: Broadcast;
  /** Resolves when the stores first work; to be asked once the server is there. */
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

export function openStores(
  config: Config,
  identify: Identify,
  metrics: Metrics,
  report: (stage: string, error: unknown) => void,
): Stores {
  const limits = { messagesMax: config.historyMessagesMax, msMax: config.historyMsMax };
  if (!config.redisUrl) {
    metrics.redisUp(true); // there is none to be away
    return {
      history: createMemoryHistory(limits),
      presence: createMemoryPresence(),
      broadcast: memoryBroadcast(identify, metrics),
      ready: async () => {},
      close: async () => {},
    };
  }
  const redis = openRedis(config.redisUrl, metrics, report);
  const broadcast = redisBroadcast(redis, identify, metrics, report);
  const goneMs = Math.max(config.recoveryMsMax, goneMsMin);
  return {
    history: createRedisHistory(redis, limits),
    presence: createRedisPresence(redis, randomUUID(), goneMs),
    broadcast,
    ready: () => Promise.all([redis.ready, broadcast.ready()]),
    close: redis.close,
  };
}
