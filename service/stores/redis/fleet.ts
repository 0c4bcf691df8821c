// The fleet in Redis: one hash with a field per process, and the generations of the releases.
import { readJson } from '../../lib/read-json.ts';
import { type Fleet, type Heartbeat, heartbeatSchema, type Replica } from '../fleet.ts';
import type { Redis, StoreNeeds } from './connection.ts';

const staleMs = 3_500; // three missed heartbeats
const seenMs = 86_400_000;

/**
 * A release gets the next generation when it is new or rolled back to. A rollback is recognized by
 * a new pod of an older release that starts while no pod of that release is left, or while pods of
 * the newest release drain. Pods that restart, are replaced or are added by an autoscaler during a
 * rollout change nothing.
 * KEYS: generations, seen, heartbeats. ARGV: release, TTL of a seen pod in ms, stale ms.
 */
const joinLua = `
local fresh = redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[2])
local newest = redis.call('HGET', KEYS[1], ' newest')
local own = redis.call('HGET', KEYS[1], ARGV[1])
if own and (own == newest or not fresh) then return own end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local left, leaving, all = false, false, redis.call('HGETALL', KEYS[3])
for i = 2, #all, 2 do
  local at, release, heartbeat = string.match(all[i], '^(%d+) (%S*) (.*)$')
  if now - at <= tonumber(ARGV[3]) then
    local drains = string.find(heartbeat, '"draining":true', 1, true)
    left = left or release == ARGV[1]
    leaving = leaving or drains and redis.call('HGET', KEYS[1], release) == newest
  end
end
if own and left and not leaving then return own end
local generation = redis.call('HINCRBY', KEYS[1], ' newest', 1)
redis.call('HSET', KEYS[1], ARGV[1], generation)
return generation`;

/**
 * KEYS: heartbeats, generations. ARGV: id, release, heartbeat, stale ms.
 * Returns the generation and the heartbeat of each process, '' for one that is broken.
 */
const heartbeatLua = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], ARGV[1], now .. ' ' .. ARGV[2] .. ' ' .. ARGV[3])
local all, out = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #all, 2 do
  local at, release, heartbeat = string.match(all[i + 1], '^(%d+) (%S*) (.*)$')
  if not at then
    out[#out + 1] = '0'
    out[#out + 1] = ''
  elseif now - at > tonumber(ARGV[4]) then
    redis.call('HDEL', KEYS[1], all[i])
  else
    out[#out + 1] = redis.call('HGET', KEYS[2], release) or '0'
    out[#out + 1] = heartbeat
  end
end
return out`;

export const fleetNeeds: StoreNeeds = { scripts: [joinLua, heartbeatLua], commands: ['HDEL'] };

/** @param unreadable called for a broken heartbeat. Its process is missing in the fleet. */
export function createRedisFleet(redis: Redis, unreadable: () => void): Fleet {
  const heartbeatsKey = redis.key('fleet:heartbeats');
  const generationsKey = redis.key('fleet:generations');
  let joined: Promise<unknown> | undefined;
  const join = ({ pod, release }: Heartbeat) => {
    const keys = [generationsKey, redis.key(`fleet:seen:${release}:${pod}`), heartbeatsKey];
    joined ??= redis.script(joinLua, keys, [release, seenMs, staleMs]).catch((error: unknown) => {
      joined = undefined;
      throw error;
    });
    return joined;
  };
  return {
    async exchange(own) {
      await join(own);
      const args = [own.id, own.release, JSON.stringify(own), staleMs];
      const answer = await redis.script(heartbeatLua, [heartbeatsKey, generationsKey], args);
      return replicasOf(answer as string[], unreadable);
    },
    async leave(id) {
      await redis.run((client) => client.hDel(heartbeatsKey, id));
    },
  };
}

function replicasOf(answer: string[], unreadable: () => void): Replica[] {
  const pairs = Array.from({ length: answer.length / 2 }, (_, i) => answer.slice(2 * i, 2 * i + 2));
  return pairs.flatMap(([generation, text = '']) => {
    const heartbeat = readJson(heartbeatSchema, text);
    if (!heartbeat) unreadable();
    return heartbeat ? [{ ...heartbeat, generation: Number(generation) }] : [];
  });
}
