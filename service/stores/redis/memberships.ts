// Memberships in Redis, where every process sees and changes those of all.
import { z } from 'zod';
import { readJson } from '../../lib/read-json.ts';
import {
  type Diff,
  diffNamesMax,
  diffsAtOnceMax,
  type MembershipLimits,
  type Memberships,
  type SessionWrite,
  type Untold,
  untoldMs,
  type WriteOutcome,
} from '../memberships.ts';
import type { Redis, StoreNeeds } from './connection.ts';
import { endLua, pageLua, writeLua } from './membership-scripts.ts';
import { sweepLua } from './sweep-script.ts';

const slackMs = 1_000; // a session that can just be claimed must still be there
const leaseMsMin = 4_000; // several sweeps
const silentMs = 4_000; // several missed sweeps: the process crashed or cannot reach Redis
const roomsAtOnceMax = 1_000; // per script call, so that none blocks Redis for long
const untoldAtOnceMax = 100;
const endedAtOnceMax = 100; // users and socket ids
const diffMs = 700; // from one diff of a room to the next: less than any pause between two sweeps

export const membershipsNeeds: StoreNeeds = {
  scripts: [writeLua, sweepLua, endLua, pageLua],
  commands: ['GET'],
};

/** The key with the times of the commands that concern a user. */
export const cutoffsKey = ({ key }: Redis, userId: string) => key(`cutoffs:${userId}`);

interface Options extends MembershipLimits {
  /** How long a session can be recovered. */
  recoveryMs: number;
  /** How long it is remembered when a user's sessions were ended. */
  cutoffMs: number;
  /** Called for changes that are broken. They are not announced. */
  unreadable(): void;
}

/** @param processId unique among the processes that share the Redis */
export function createRedisMemberships(
  redis: Redis,
  processId: string,
  { recoveryMs, cutoffMs, eventsMembersMax, lastSeenMs, unreadable }: Options,
): Memberships {
  const prefix = redis.key('');
  const keys = [redis.key('leases')];
  const leaseMs = Math.max(recoveryMs + slackMs, leaseMsMin);
  const windowMs = recoveryMs + slackMs;
  const keepMs = 2 * leaseMs + 60_000; // longer than another process may take to notice a claim
  let forgotten = false;
  let reconnects = redis.reconnects();
  let known = false;

  const script = (lua: string, ...args: (string | number)[]) =>
    redis.script(lua, keys, [prefix, keepMs, eventsMembersMax, lastSeenMs, ...args]);

  return {
    async write(sessions) {
      const args = sessions.flatMap(argumentsOf);
      const answer = await script(writeLua, processId, leaseMs, windowMs, ...args);
      const [registered, outcomes, fields, kept] = answer as WriteAnswer;
      if (registered === 1 && known) forgotten = true;
      known = true;
      const keptOf = ({ keepsPresence }: SessionWrite) =>
        keepsPresence ? new Map(pairsOf(kept.shift() ?? [])) : undefined;
      return { outcomes, untold: parse(fields, unreadable), kept: sessions.map(keptOf) };
    },
    async page(roomId, { after = '', limit }) {
      const args = [redis.key(`presence:${roomId}`), after, limit];
      const answer = await redis.script(pageLua, [redis.key(`members:${roomId}`)], args);
      const [count, users, presences] = answer as [number, string[], string[]];
      const members = users.map((userId, i) => ({ userId, presence: presences[i] ?? '' }));
      return { count, members };
    },
    lastSeen: async (userId) =>
      Number(await redis.run((client) => client.get(redis.key(`seen:${userId}`)))),
    async sweep(confirmed) {
      const told = confirmed.flatMap(({ key, id }) => [key, id]);
      const limits = [silentMs, roomsAtOnceMax, untoldMs, untoldAtOnceMax];
      const diffLimits = [diffMs, diffsAtOnceMax, diffNamesMax];
      const before = redis.reconnects();
      const args = [processId, leaseMs, ...limits, ...diffLimits, ...told];
      const answer = await script(sweepLua, ...args);
      const [silent, more, fields, diffs] = answer as [number, number, string[], RawDiff[]];
      const lost = forgotten || before !== reconnects || (silent === 1 && known);
      [forgotten, known, reconnects] = [false, true, before];
      const untold = parse(fields, unreadable);
      return { untold, diffs: diffs.map(diffOf), more: more === 1, forgotten: lost };
    },
    async end(userIds, sids) {
      const names = [...userIds, ...sids];
      const untold: Untold[] = [];
      const endedAt: Record<string, number> = {};
      for (let at = 0; at < names.length; at += endedAtOnceMax) {
        const part = names.slice(at, at + endedAtOnceMax);
        const users = Math.min(part.length, Math.max(0, userIds.length - at));
        for (let [first, more] = [1, 1]; more === 1; first = 0) {
          const limits = [leaseMs, silentMs, roomsAtOnceMax, cutoffMs, first, users];
          const answer = await script(endLua, ...limits, ...part);
          const [isMore, fields, cutoffs] = answer as [number, string[], string[]];
          untold.push(...parse(fields, unreadable));
          for (const [i, cutoff] of cutoffs.entries()) endedAt[part[i] as string] = Number(cutoff);
          more = isMore;
        }
      }
      return { untold, endedAt };
    },
  };
}

type WriteAnswer = [
  registered: number,
  outcomes: WriteOutcome[],
  fields: string[],
  kept: string[][],
];

function argumentsOf(write: SessionWrite) {
  const { sid, epoch, userId, owner, state, keepsPresence, rooms } = write;
  const marked = rooms.flatMap(({ roomId, isNew, presence }) => [
    (isNew ? '+' : '=') + roomId,
    presence,
  ]);
  return [sid, epoch, userId, owner, state, keepsPresence ? 1 : 0, rooms.length, ...marked];
}

function pairsOf(flat: string[]): [string, string][] {
  const pairs: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) pairs.push([flat[i] as string, flat[i + 1] as string]);
  return pairs;
}

const keySchema = z.tuple([z.string(), z.string()]);
const changesSchema = z.array(
  z.tuple([z.string(), z.enum(['joined', 'left', 'updated']), z.string(), z.string().optional()]),
);

/** Alternating fields and changes. If a field occurs twice, the later one has all changes. */
function parse(fields: string[], unreadable: () => void): Untold[] {
  const byKey = new Map<string, Untold>();
  for (const [key, text] of pairsOf(fields)) {
    const names = readJson(keySchema, key);
    const list = readJson(changesSchema, text);
    if (!names || !list) {
      unreadable();
      continue;
    }
    const [roomId, userId] = names;
    const changes = list.map(([id, type, sid, presence = '']) => ({ id, type, sid, presence }));
    byKey.set(key, { key, roomId, userId, changes });
  }
  return [...byKey.values()];
}

type RawDiff = [roomId: string, id: string, count: number, complete: number, ...users: string[]];

function diffOf([roomId, id, count, complete, ...users]: RawDiff): Diff {
  const diff: Diff = {
    key: `/${roomId}`,
    id,
    roomId,
    count,
    joined: [],
    left: [],
    isComplete: complete === 1,
  };
  for (const [userId, state] of pairsOf(users)) {
    if (state === '') diff.left.push(userId);
    else diff.joined.push({ userId, presence: state.slice(1) });
  }
  return diff;
}
