// What is kept outside the process, or in it when there is no Redis.
import { randomUUID } from 'node:crypto';
import { setImmediate as turn } from 'node:timers/promises';
import type { Config } from '../config/schema.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Trail } from '../telemetry/trail/trail.ts';
import type { Broadcast, Identify } from './broadcast.ts';
import type { Orders } from './commands.ts';
import { type Fleet, memoryFleet } from './fleet.ts';
import { createHistory, type History } from './history.ts';
import { memoryBroadcast } from './memory/broadcast.ts';
import { createMemoryOrders } from './memory/commands.ts';
import { createMemoryPresence } from './memory/presence.ts';
import { createMemoryTraces } from './memory/traces.ts';
import type { Presence } from './presence.ts';
import { redisBroadcast } from './redis/broadcast.ts';
import { createClock } from './redis/clock.ts';
import { createRedisOrders, ordersNeeds } from './redis/commands.ts';
import { openRedis, redisClient } from './redis/connection.ts';
import { createRedisFleet, fleetNeeds } from './redis/fleet.ts';
import { createRedisPresence, presenceNeeds } from './redis/presence.ts';
import { watchStats } from './redis/stats.ts';
import { createRedisTraces, tracesNeeds } from './redis/traces.ts';
import type { Traces } from './traces.ts';

const goneMsMin = 15_000; // a process that sweeps every few seconds is not gone before

export interface Stores {
  history: History;
  presence: Presence;
  orders: Orders;
  broadcast: Broadcast;
  fleet: Fleet;
  traces: Traces;
  /** Epoch milliseconds by the clock that all processes share. */
  now(): number;
  /** A message to this process itself; resolves when it is back. */
  echo(): Promise<void>;
  /**
   * Resolves when the stores first work; to be asked once the server is there. Rejects when Redis
   * is one on which they must not.
   */
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

export function openStores(
  config: Config,
  identify: Identify,
  metrics: Metrics,
  report: (stage: string, error: unknown) => void,
  trail?: Trail,
): Stores {
  const limits = { messagesMax: config.historyMessagesMax, msMax: config.historyMsMax };
  if (!config.redisUrl) {
    metrics.redisUp(true); // there is none to be away
    const recovers = config.recoveryMsMax > 0;
    const broadcast = measured(memoryBroadcast(identify, metrics, recovers), metrics);
    return {
      history: createHistory(broadcast, limits),
      presence: createMemoryPresence(),
      orders: createMemoryOrders(),
      broadcast,
      fleet: memoryFleet,
      traces: createMemoryTraces(),
      now: Date.now,
      echo: turn, // a turn of the event loop is all that a message takes
      ready: async () => {},
      close: async () => {},
    };
  }
  const client = redisClient(config.redisUrl, config);
  const changed = () => metrics.redisUp(redis.isUp() && joined.isUp());
  const traced = config.trace === 'on' ? [tracesNeeds] : [];
  const needs = [presenceNeeds, ordersNeeds, fleetNeeds, ...traced];
  const redis = openRedis(client, needs, metrics, report, changed);
  const clock = createClock();
  const figures = watchStats(redis, clock, metrics);
  const joined = redisBroadcast(client, identify, metrics, clock, report, changed, trail);
  const broadcast = measured(joined, metrics);
  const goneMs = Math.max(config.recoveryMsMax, goneMsMin);
  return {
    history: createHistory(broadcast, limits),
    presence: createRedisPresence(redis, randomUUID(), goneMs),
    orders: createRedisOrders(redis),
    broadcast,
    fleet: createRedisFleet(redis),
    traces: createRedisTraces(redis),
    now: clock.now,
    echo: joined.echo,
    ready: () => Promise.all([redis.ready(), broadcast.ready()]),
    close() {
      figures.close();
      return redis.close();
    },
  };
}

function measured(broadcast: Broadcast, metrics: Metrics): Broadcast {
  return {
    ...broadcast,
    async publish(emit, extras) {
      const startedAt = performance.now();
      const outcome = await broadcast.publish(emit, extras);
      if (outcome.first) metrics.messagePublished((performance.now() - startedAt) / 1000);
      return outcome;
    },
  };
}
