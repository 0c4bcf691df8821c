// Opens the stores: in Redis, or in memory if there is no Redis.
import { randomUUID } from 'node:crypto';
import type { Config } from '../config/schema.ts';
import { wallClockMs } from '../lib/wall-clock.ts';
import type { StoreKind } from '../telemetry/definitions.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Trail } from '../telemetry/trail/trail.ts';
import { type Admit, type Broadcast, createBroadcast, type Identify } from './broadcast.ts';
import type { Commands } from './commands.ts';
import { type Fleet, memoryFleet } from './fleet.ts';
import { createHistory, type History } from './history.ts';
import { createMemoryCommands } from './memory/commands.ts';
import { createMemoryMemberships } from './memory/memberships.ts';
import { createMemoryTraces } from './memory/traces.ts';
import { createPresence, type Presence } from './presence.ts';
import { createClock } from './redis/clock.ts';
import { commandsNeeds, createRedisCommands } from './redis/commands.ts';
import { openRedis, redisClient } from './redis/connection.ts';
import { createRedisFleet, fleetNeeds } from './redis/fleet.ts';
import { holdPrefix, installationNeeds } from './redis/installation.ts';
import { createRedisMemberships, membershipsNeeds } from './redis/memberships.ts';
import { watchStats } from './redis/stats.ts';
import { createRedisTraces, tracesNeeds } from './redis/traces.ts';
import type { Traces } from './traces.ts';

export interface Stores {
  history: History;
  presence: Presence;
  commands: Commands;
  broadcast: Broadcast;
  fleet: Fleet;
  traces: Traces;
  /** Whether this process receives every message and reaches Redis. */
  isLive(): boolean;
  /** Epoch milliseconds by a clock that all processes share. */
  now(): number;
  /**
   * Resolves once the stores work for the first time. Call it after creating the server. Rejects
   * with `RedisUnfit` if the Redis cannot be used.
   */
  ready(): Promise<unknown>;
  close(): Promise<void>;
}

interface Parts {
  config: Config;
  /** The configuration with the secrets of now. */
  current?: () => Config;
  identify: Identify;
  admit?: Admit;
  metrics: Metrics;
  report(stage: string, error: unknown): void;
  trail?: Trail;
}

export function openStores(parts: Parts): Stores {
  const { redisUrl } = parts.config;
  return redisUrl ? openRedisStores(parts, redisUrl) : openMemoryStores(parts);
}

function openMemoryStores({ config, ...common }: Parts): Stores {
  const { recoveryMsMax } = config;
  common.metrics.redisUp(true); // there is no Redis that could be down
  const clock = { now: wallClockMs }; // a suspended host must not forget that tokens expire
  const changed = () => {};
  const skip = createSkip(common);
  const memberships = createMemoryMemberships(recoveryMsMax, membershipLimitsOf(config));
  const presence = createPresence(memberships, recoveryMsMax, (...args) => publish(...args));
  const { sessions, end } = presence;
  const broadcast = createBroadcast({ ...common, recoveryMsMax, clock, sessions, changed });
  const { publish } = broadcast;
  return {
    history: createHistory(broadcast, limitsOf(config), clock.now, skip('history_entry')),
    presence,
    commands: createMemoryCommands(memberships, end, config.jwtLifetimeMsMax),
    broadcast,
    fleet: memoryFleet,
    traces: createMemoryTraces(),
    isLive: broadcast.isLive,
    now: clock.now,
    ready: broadcast.ready,
    close: presence.close,
  };
}

function openRedisStores(parts: Parts, redisUrl: NonNullable<Config['redisUrl']>): Stores {
  const { config, current = () => config, ...common } = parts;
  const { metrics, report } = common;
  const { recoveryMsMax, bridgeKey, redisPrefix: prefix } = config;
  const client = redisClient(redisUrl, config, current);
  const changed = () => metrics.redisUp(redis.isUp() && broadcast.isUp());
  const traced = config.trace === 'on' ? [tracesNeeds] : [];
  const needs = [membershipsNeeds, commandsNeeds, fleetNeeds, installationNeeds, ...traced];
  const redis = openRedis(client, prefix, needs, metrics, report, changed);
  const skip = createSkip(common);
  const lease = holdPrefix(redis, config, report);
  const clock = createClock();
  const stats = watchStats(redis, clock, metrics);
  const memberships = createRedisMemberships(redis, randomUUID(), {
    recoveryMs: recoveryMsMax,
    cutoffMs: config.jwtLifetimeMsMax,
    ...membershipLimitsOf(config),
    unreadable: skip('membership'),
  });
  const presence = createPresence(memberships, recoveryMsMax, (...args) => publish(...args));
  const { sessions, end } = presence;
  const broadcast = createBroadcast({
    ...common,
    recoveryMsMax,
    prefix,
    bridgeKey,
    client,
    clock,
    sessions,
    changed,
  });
  const { publish } = broadcast;
  return {
    history: createHistory(broadcast, limitsOf(config), clock.now, skip('history_entry')),
    presence,
    commands: createRedisCommands(redis, end, skip('command'), config.jwtLifetimeMsMax),
    broadcast,
    fleet: createRedisFleet(redis, skip('heartbeat')),
    traces: createRedisTraces(redis),
    isLive: () => redis.isUp() && broadcast.isLive(),
    now: clock.now,
    ready: () => Promise.all([lease.held, broadcast.ready()]),
    async close() {
      lease.close();
      stats.close();
      await presence.close();
      await redis.close();
    },
  };
}

/** Whatever is broken, or of another version, is skipped: it must not stop the rest. */
const createSkip =
  ({ metrics, report }: Pick<Parts, 'metrics' | 'report'>) =>
  (kind: StoreKind) =>
  (format?: string) => {
    metrics.unreadable(kind);
    const why = format === undefined ? 'broken' : `in the format ${format} of another version`;
    report('unreadable', new Error(`Skipped a ${kind.replace('_', ' ')}: it is ${why}`));
  };

const limitsOf = (config: Config) => ({
  messagesMax: config.historyMessagesMax,
  bytesMax: config.historyBytesMax,
  msMax: config.historyMsMax,
});

const membershipLimitsOf = (config: Config) => ({
  eventsMembersMax: config.presenceEventsMembersMax,
  lastSeenMs: config.lastSeenMsMax,
});
