// Both implementations of memberships, for the suites that run on both.
import { onTestFinished } from 'vitest';
import { parseConfig } from '../../service/config/schema.ts';
import type { Memberships, SessionWrite, Untold } from '../../service/stores/memberships.ts';
import { createMemoryMemberships } from '../../service/stores/memory/memberships.ts';
import { openRedis, redisClient } from '../../service/stores/redis/connection.ts';
import {
  createRedisMemberships,
  membershipsNeeds,
} from '../../service/stores/redis/memberships.ts';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { startRedis } from '../harness/redis.ts';
import { type Env, secret } from '../harness/service.ts';

const ignore = () => {};
const recoveryMs = 300;

/** @param env added to the environment of Redis */
export async function redis(env: Env = {}) {
  const { url } = await startRedis({}, env);
  const client = redisClient([url], parseConfig({ JWT_SECRET: secret }));
  const opened = openRedis(client, 'mooring', [membershipsNeeds], createMetrics(), ignore, ignore);
  await opened.ready();
  onTestFinished(opened.close);
  return opened;
}

const limits = { unreadable: () => {}, eventsMembersMax: 3, lastSeenMs: 60_000 };

export const onRedis = (shared: Awaited<ReturnType<typeof redis>>, id: string, windowMs: number) =>
  createRedisMemberships(shared, id, { ...limits, recoveryMs: windowMs, cutoffMs: 60_000 });

export const implementations = {
  memory: async () => createMemoryMemberships(recoveryMs, limits),
  redis: async () => onRedis(await redis(), 'p1', recoveryMs),
};

export function session(
  sid: string,
  userId: string,
  rooms: string[],
  rest: Partial<SessionWrite> = {},
) {
  const entered = rooms.map((roomId) => ({ roomId, isNew: true, presence: '' }));
  const known = { owner: userId, epoch: 1, state: 'live', keepsPresence: false } as const;
  return { sid, userId, rooms: entered, ...known, ...rest } satisfies SessionWrite;
}

/** The changes in short: `alice joined lobby`. */
export const short = (untold: Untold[]) =>
  untold.flatMap(({ roomId, userId, changes }) =>
    changes.map(({ type }) => `${userId} ${type} ${roomId}`),
  );

export const membersOf = async (memberships: Memberships, roomId: string) =>
  (await memberships.page(roomId, { limit: 1_000 })).members.map(({ userId }) => userId);

export async function write(memberships: Memberships, ...sessions: SessionWrite[]) {
  const { outcomes, untold } = await memberships.write(sessions);
  if (untold.length > 0) await confirm(memberships, untold); // else a sweep would take a diff
  return { outcomes, changes: short(untold) };
}

export async function confirm(memberships: Memberships, untold: Untold[]) {
  await memberships.sweep(
    untold.map(({ key, changes }) => ({ key, id: changes.at(-1)?.id ?? '' })),
  );
}
