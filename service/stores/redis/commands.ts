// Commands in a Redis stream that every process reads at its own pace, and one key per revoked
// user.

import { readJson } from '../../lib/read-json.ts';
import { Unavailable } from '../../protocol/refusals.ts';
import {
  type Command,
  type Commands,
  type Cutoffs,
  commandSchema,
  type EndSessions,
  knownMax,
  subjectsOf,
} from '../commands.ts';
import type { Redis, StoreNeeds } from './connection.ts';
import { cutoffsKey } from './memberships.ts';

const commandsMax = 10_000; // a process that falls further behind misses the oldest
const keepMs = 3_600_000;
const polledMax = 1_000; // the next poll reads the rest

// KEYS: cutoffs. ARGV: before, TTL in ms. The stored time only rises.
const revokeLua = `
local was = tonumber(redis.call('HGET', KEYS[1], 'revoked') or '0')
if tonumber(ARGV[1]) >= was then redis.call('HSET', KEYS[1], 'revoked', ARGV[1]) end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

// KEYS: commands. ARGV: commands max, TTL in ms, command, format.
const issueLua = `
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'command', ARGV[3], 'format', ARGV[4])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

// Before a version writes another format, run a version that reads it everywhere.
const format = '1';

export const commandsNeeds: StoreNeeds = {
  scripts: [revokeLua, issueLua],
  commands: ['HMGET', 'XRANGE', 'XREVRANGE'],
};

const none: Cutoffs = { revokedBefore: 0, sessionsEndedAt: 0 };

/**
 * @param unreadable called for a command that cannot be run: it is broken, or in another format
 * @param revokedMsMax how long a revocation is kept
 */
export function createRedisCommands(
  redis: Redis,
  endSessions: EndSessions,
  unreadable: (format: string | undefined) => void,
  revokedMsMax: number,
): Commands {
  const known = createKnownCutoffs();
  const streamKey = redis.key('commands');
  let last: string | undefined;

  return {
    async issue(command) {
      if (command.type === 'revoke') {
        const args = [command.before, revokedMsMax];
        await redis.script(revokeLua, [cutoffsKey(redis, command.userId)], args);
      }
      const { users, sockets } = subjectsOf(command);
      const endedAt = await endSessions(users, sockets);
      const issued = JSON.stringify({ ...command, endedAt } satisfies Command);
      const args = [commandsMax, keepMs, issued, format];
      await redis.script(issueLua, [streamKey], args);
    },
    async poll() {
      if (last === undefined) {
        const newest = await redis.run((client) =>
          client.xRevRange(streamKey, '+', '-', { COUNT: 1 }),
        );
        last = newest?.[0]?.id ?? '0-0';
        return [];
      }
      const after = `(${last}`;
      const entries = await redis.run((client) =>
        client.xRange(streamKey, after, '+', { COUNT: polledMax }),
      );
      const commands = (entries ?? []).flatMap(({ message }): Command[] => {
        const isKnown = message.format === format;
        const command = isKnown ? readJson(commandSchema, message.command ?? '') : undefined;
        if (!command) unreadable(isKnown ? undefined : (message.format ?? 'none'));
        return command ? [command] : [];
      });
      for (const command of commands) {
        for (const [userId, sessionsEndedAt] of Object.entries(command.endedAt ?? {})) {
          known.fromCommand(userId, { sessionsEndedAt });
        }
        if (command.type === 'revoke')
          known.fromCommand(command.userId, { revokedBefore: command.before });
      }
      last = entries?.at(-1)?.id ?? last;
      return commands;
    },
    async cutoffsOf(userId) {
      try {
        const [revoked, ended] = await redis.run((client) =>
          client.hmGet(cutoffsKey(redis, userId), ['revoked', 'ended']),
        );
        const found = { revokedBefore: Number(revoked ?? 0), sessionsEndedAt: Number(ended ?? 0) };
        return known.fromRedis(userId, found);
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        return { ...known.find(userId), mayBeOutdated: true };
      }
    },
    available: redis.whenUp,
  };
}

/** The cutoffs that this process knows, for while Redis is unavailable. */
function createKnownCutoffs() {
  const known = new Map<string, Cutoffs>();
  const find = (userId: string): Cutoffs => known.get(userId) ?? none;
  const keep = (userId: string, latest: Cutoffs): Cutoffs => {
    known.delete(userId);
    if (latest.revokedBefore + latest.sessionsEndedAt > 0) known.set(userId, latest);
    const [oldest] = known.keys();
    if (known.size > knownMax && oldest !== undefined) known.delete(oldest);
    return latest;
  };
  return {
    find,
    /** From a command, which may be older than what is known. */
    fromCommand(
      userId: string,
      { revokedBefore = 0, sessionsEndedAt = 0 }: Partial<Cutoffs>,
    ): void {
      const before = find(userId);
      keep(userId, {
        revokedBefore: Math.max(before.revokedBefore, revokedBefore),
        sessionsEndedAt: Math.max(before.sessionsEndedAt, sessionsEndedAt),
      });
    },
    /** From Redis, which may have lost data. Then tokens stay revoked all the same. */
    fromRedis(userId: string, { revokedBefore, sessionsEndedAt }: Cutoffs): Cutoffs {
      const latest = Math.max(find(userId).revokedBefore, revokedBefore);
      return keep(userId, { revokedBefore: latest, sessionsEndedAt });
    },
  };
}
