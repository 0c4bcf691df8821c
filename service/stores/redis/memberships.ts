// Memberships in Redis, where every process sees and changes those of all.
import {
  type Change,
  type Memberships,
  membersMax,
  type SessionWrite,
  type Untold,
  untoldMs,
  type WriteOutcome,
} from '../memberships.ts';
import type { Redis, StoreNeeds } from './connection.ts';
import { endLua, sweepLua, writeLua } from './membership-scripts.ts';

const slackMs = 1_000; // a session that can just be claimed must still be there
const leaseMsMin = 4_000; // several sweeps
const silentMs = 4_000; // several missed sweeps: the process crashed or cannot reach Redis
const roomsAtOnceMax = 1_000; // per script call, so that none blocks Redis for long
const untoldAtOnceMax = 100;
const endedAtOnceMax = 100; // users and socket ids

export const membershipsNeeds: StoreNeeds = {
  scripts: [writeLua, sweepLua, endLua],
  commands: ['ZRANGE'],
};

/** The key with the times of the commands that concern a user. */
export const cutoffsKey = ({ key }: Redis, userId: string) => key(`cutoffs:${userId}`);

/**
 * @param processId unique among the processes that share the Redis
 * @param recoveryMs how long a session can be recovered
 * @param cutoffMs how long it is remembered when a user's sessions were ended
 */
export function createRedisMemberships(
  redis: Redis,
  processId: string,
  recoveryMs: number,
  cutoffMs = 30 * 86_400_000,
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
    redis.script(lua, keys, [prefix, keepMs, ...args]);

  return {
    async write(sessions) {
      const args = sessions.flatMap(argumentsOf);
      const answer = await script(writeLua, processId, leaseMs, windowMs, ...args);
      const [registered, outcomes, fields] = answer as [number, WriteOutcome[], string[]];
      if (registered === 1 && known) forgotten = true;
      known = true;
      return { outcomes, untold: parse(fields) };
    },
    members: (roomId) =>
      redis.run((client) => client.zRange(redis.key(`room:${roomId}`), 0, membersMax - 1)),
    async sweep(confirmed) {
      const told = confirmed.flatMap(({ key, id }) => [key, id]);
      const limits = [silentMs, roomsAtOnceMax, untoldMs, untoldAtOnceMax];
      const before = redis.reconnects();
      const answer = await script(sweepLua, processId, leaseMs, ...limits, ...told);
      const [silent, more, fields] = answer as [number, number, string[]];
      const lost = forgotten || before !== reconnects || (silent === 1 && known);
      [forgotten, known, reconnects] = [false, true, before];
      return { untold: parse(fields), more: more === 1, forgotten: lost };
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
          untold.push(...parse(fields));
          for (const [i, cutoff] of cutoffs.entries()) endedAt[part[i] as string] = Number(cutoff);
          more = isMore;
        }
      }
      return { untold, endedAt };
    },
  };
}

function argumentsOf({ sid, epoch, userId, owner, state, rooms }: SessionWrite) {
  const marked = rooms.map(({ roomId, isNew }) => (isNew ? '+' : '=') + roomId);
  return [sid, epoch, userId, owner, state, marked.length, ...marked];
}

/** Alternating fields and changes. If a field occurs twice, the later one has all changes. */
function parse(fields: string[]): Untold[] {
  const byKey = new Map<string, Untold>();
  for (let i = 0; i < fields.length; i += 2) {
    const key = fields[i] as string;
    const [roomId, userId] = JSON.parse(key) as [string, string];
    const list = JSON.parse(fields[i + 1] as string) as [string, Change['type'], string][];
    const changes = list.map(([id, type, sid]) => ({ id, type, sid }));
    byKey.set(key, { key, roomId, userId, changes });
  }
  return [...byKey.values()];
}
