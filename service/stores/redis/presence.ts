// Presence over all replicas. A sorted set per room counts each user's sockets. A hash per process
// records its share, so that other processes can subtract it if the process dies.
import { membersMax, type Presence } from '../presence.ts';
import { keyOf, type Redis, type StoreNeeds } from './connection.ts';

const prefix = keyOf('presence:');
const roomKey = (roomId: string) => `${prefix}room:${roomId}`;
const processesKey = `${prefix}processes`;
const leftBehindMax = 1_000; // fields of a dead process that one sweep subtracts

const subtractLua = `
local function subtract(room, user, sockets)
  if tonumber(redis.call('ZINCRBY', room, -sockets, user)) > 0 then return false end
  redis.call('ZREM', room, user)
  return true
end`;

// KEYS: room, process. ARGV: user, field, number of the user's sockets in this room and process.
// The number is absolute, so that a write may be repeated, delayed, or follow a loss of data.
const writeLua = `
local was = tonumber(redis.call('HGET', KEYS[2], ARGV[2]) or '0')
local now = tonumber(ARGV[3])
if now > 0 then redis.call('HSET', KEYS[2], ARGV[2], now)
else redis.call('HDEL', KEYS[2], ARGV[2]) end
if tonumber(redis.call('ZINCRBY', KEYS[1], now - was, ARGV[1])) > 0 then return 0 end
redis.call('ZREM', KEYS[1], ARGV[1])
return 1`;

// KEYS: processes. ARGV: prefix, own process, ms until a process counts as dead, left behind max.
// Returns 1 if this process was not registered (new, or declared dead), then the fields left
// behind.
const sweepLua = `${subtractLua}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local out = {redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2])}
local gone = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, 1)[1]
if not gone then return out end
local process = ARGV[1] .. 'process:' .. gone
local fields = redis.call('HRANDFIELD', process, ARGV[4], 'WITHVALUES')
for i = 1, #fields, 2 do
  local room, user = string.match(fields[i], '^(%S+) (.+)$')
  if subtract(ARGV[1] .. 'room:' .. room, user, fields[i + 1]) then out[#out + 1] = fields[i] end
  redis.call('HDEL', process, fields[i])
end
if redis.call('EXISTS', process) == 0 then redis.call('ZREM', KEYS[1], gone) end
return out`;

export const presenceNeeds: StoreNeeds = { scripts: [writeLua, sweepLua], commands: ['ZRANGE'] };

/**
 * @param processId unique among the processes that share the Redis
 * @param goneMs milliseconds without a sweep after which other processes declare this one dead
 */
export function createRedisPresence(redis: Redis, processId: string, goneMs: number): Presence {
  const own = new Map<string, number>(); // field -> sockets
  const doubtful = new Set<string>(); // fields whose value in Redis may differ
  const processKey = `${prefix}process:${processId}`;
  let known = false;

  /** Resolves to whether the user has no socket left in the room. */
  const write = async (field: string): Promise<boolean> => {
    const { roomId, userId } = parse(field);
    const args = [userId, field, own.get(field) ?? 0];
    return (await redis.script(writeLua, [roomKey(roomId), processKey], args)) === 1;
  };
  /** Counts before writing, so that a concurrent write is correct. Reverts if the write fails. */
  const change = async (field: string, by: 1 | -1): Promise<boolean> => {
    count(own, field, by);
    try {
      return await write(field);
    } catch (error) {
      count(own, field, by === 1 ? -1 : 1);
      doubtful.add(field);
      throw error;
    }
  };

  return {
    async enter(roomId, userId) {
      await change(`${roomId} ${userId}`, 1);
    },
    async leave(roomId, userId) {
      const field = `${roomId} ${userId}`;
      return own.has(field) ? change(field, -1) : false;
    },
    members: (roomId) => redis.run((client) => client.zRange(roomKey(roomId), 0, membersMax - 1)),
    async sweep() {
      const args = [prefix, processId, goneMs, leftBehindMax];
      const answer = await redis.script(sweepLua, [processesKey], args);
      const [added, ...fields] = answer as [number, ...string[]];
      const forgotten = added === 1 && known; // declared dead, or Redis lost the registration
      if (forgotten) for (const field of own.keys()) doubtful.add(field);
      known = true;
      for (const field of doubtful) {
        await write(field);
        doubtful.delete(field);
      }
      return fields.map(parse);
    },
  };
}

function count(own: Map<string, number>, field: string, by: number): void {
  const sockets = (own.get(field) ?? 0) + by;
  if (sockets > 0) own.set(field, sockets);
  else own.delete(field);
}

function parse(field: string): { roomId: string; userId: string } {
  const end = field.indexOf(' '); // user ids may contain spaces, room ids do not
  return { roomId: field.slice(0, end), userId: field.slice(end + 1) };
}
