// Commands in a Redis stream that every process reads at its own pace, and one key per revoked
// user.
import { Unavailable } from '../../protocol/refusals.ts';
import { type Command, type Commands, knownMax } from '../commands.ts';
import { keyOf, type Redis, type StoreNeeds } from './connection.ts';

const streamKey = keyOf('commands');
const revokedKey = (userId: string) => keyOf(`revoked:${userId}`);
const commandsMax = 10_000; // a process that falls further behind misses the oldest
const keepMs = 3_600_000;
const polledMax = 1_000; // the next poll reads the rest

// KEYS: revoked. ARGV: before, TTL in ms. The stored time only rises.
const revokeLua = `
local was = tonumber(redis.call('GET', KEYS[1]) or '0')
if tonumber(ARGV[1]) >= was then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return 1`;

// KEYS: commands. ARGV: commands max, TTL in ms, command, format.
const issueLua = `
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'command', ARGV[3], 'format', ARGV[4])
return redis.call('PEXPIRE', KEYS[1], ARGV[2])`;

// Before a version writes another format, run a version that reads it everywhere.
const format = '1';

export const commandsNeeds: StoreNeeds = {
  scripts: [revokeLua, issueLua],
  commands: ['GET', 'XRANGE', 'XREVRANGE'],
};

/**
 * @param unreadable called for a command in another format. It cannot be run.
 * @param revokedMsMax how long a revocation is kept
 */
export function createRedisCommands(
  redis: Redis,
  unreadable: (format: string | undefined) => void,
  revokedMsMax: number,
): Commands {
  const known = new Map<string, number>(); // used while Redis is unavailable
  let last: string | undefined;

  const remember = (userId: string, before: number) => {
    const latest = Math.max(before, known.get(userId) ?? 0);
    known.delete(userId);
    if (latest > 0) known.set(userId, latest);
    const [oldest] = known.keys();
    if (known.size > knownMax && oldest !== undefined) known.delete(oldest);
    return latest;
  };

  return {
    async issue(command) {
      if (command.type === 'revoke') {
        const args = [command.before, revokedMsMax];
        await redis.script(revokeLua, [revokedKey(command.userId)], args);
      }
      const args = [commandsMax, keepMs, JSON.stringify(command), format];
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
        if (message.format === format) return [JSON.parse(message.command ?? '')];
        unreadable(message.format);
        return [];
      });
      for (const command of commands) {
        if (command.type === 'revoke') remember(command.userId, command.before);
      }
      last = entries?.at(-1)?.id ?? last;
      return commands;
    },
    async revokedBefore(userId) {
      try {
        const before = await redis.run((client) => client.get(revokedKey(userId)));
        return remember(userId, Number(before ?? 0));
      } catch (error) {
        if (!(error instanceof Unavailable)) throw error;
        return known.get(userId) ?? 0;
      }
    },
  };
}
