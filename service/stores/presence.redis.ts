// Who is where, over all replicas: a sorted set per room counts each user's sockets, and a hash
// per process remembers its share, so that others can take it back when the process is gone.
import type { Presence } from '../application.ts';
import { membersMax } from './presence.ts';
import type { Redis } from './redis.ts';

const prefix = 'mooring:presence:';
const roomKey = (roomId: string) => `${prefix}room:${roomId}`;
const processesKey = `${prefix}processes`;
const leftBehindMax = 1_000; // taken back in one sweep

// KEYS: room, process. ARGV: user, field.
const enterLua = `
redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
return redis.call('ZINCRBY', KEYS[1], 1, ARGV[1])`;

const takeBack = `
local function takeBack(room, user, sockets)
  if tonumber(redis.call('ZINCRBY', room, -sockets, user)) > 0 then return false end
  redis.call('ZREM', room, user)
  return true
end`;

// KEYS: room, process. ARGV: user, field.
const leaveLua = `${takeBack}
local sockets = tonumber(redis.call('HGET', KEYS[2], ARGV[2]))
if not sockets then return 0 end
if sockets > 1 then redis.call('HINCRBY', KEYS[2], ARGV[2], -1)
else redis.call('HDEL', KEYS[2], ARGV[2]) end
return takeBack(KEYS[1], ARGV[1], 1) and 1 or 0`;

// KEYS: processes. ARGV: prefix, own process, ms until it counts as gone, left behind max.
// Answers whether others took this process for gone, then the fields left behind.
const sweepLua = `${takeBack}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local out = {redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[2])}
local gone = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE', 'LIMIT', 0, 1)[1]
if not gone then return out end
local process = ARGV[1] .. 'process:' .. gone
local fields = redis.call('HRANDFIELD', process, ARGV[4], 'WITHVALUES')
for i = 1, #fields, 2 do
  local room, user = string.match(fields[i], '^(%S+) (%S+)$')
  if takeBack(ARGV[1] .. 'room:' .. room, user, fields[i + 1]) then out[#out + 1] = fields[i] end
  redis.call('HDEL', process, fields[i])
end
if redis.call('EXISTS', process) == 0 then redis.call('ZREM', KEYS[1], gone) end
return out`;

/**
 * @param processId names this process among all that share the Redis
 * @param goneMs after how long without a sweep the others take this process for gone
 */
export function createRedisPresence(redis: Redis, processId: string, goneMs: number): Presence {
  const own = new Map<string, number>(); // field -> sockets, to write again when Redis lost them
  const processKey = `${prefix}process:${processId}`;
  let known = false;

  const enter = (roomId: string, userId: string) =>
    redis.script(enterLua, [roomKey(roomId), processKey], [userId, `${roomId} ${userId}`]);

  return {
    async enter(roomId, userId) {
      await enter(roomId, userId);
      const field = `${roomId} ${userId}`;
      own.set(field, (own.get(field) ?? 0) + 1);
    },
    async leave(roomId, userId) {
      const field = `${roomId} ${userId}`;
      const sockets = own.get(field) ?? 0;
      if (sockets > 1) own.set(field, sockets - 1);
      else own.delete(field);
      const keys = [roomKey(roomId), processKey];
      return (await redis.script(leaveLua, keys, [userId, field])) === 1;
    },
    members: (roomId) => redis.run((client) => client.zRange(roomKey(roomId), 0, membersMax - 1)),
    async sweep() {
      const args = [prefix, processId, goneMs, leftBehindMax];
      const [added, ...fields] = (await redis.script(sweepLua, [processesKey], args)) as [
        number,
        ...string[],
      ];
      if (added === 1 && known) {
        for (const [field, sockets] of own) {
          const [roomId = '', userId = ''] = field.split(' ');
          for (let i = 0; i < sockets; i += 1) await enter(roomId, userId);
        }
      }
      known = true;
      return fields.map((field) => {
        const [roomId = '', userId = ''] = field.split(' ');
        return { roomId, userId };
      });
    },
  };
}
