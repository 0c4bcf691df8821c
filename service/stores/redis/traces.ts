// Traces in Redis: any process can start, append to or read any of them. Uses only commands that
// the documented ACL already permits.
import { randomUUID } from 'node:crypto';
import { type Trace, type Traces, traceLimits } from '../traces.ts';
import type { Redis, StoreNeeds } from './connection.ts';

const nowLua = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)`;

// KEYS: traces, trace. ARGV: prefix of a trace, id, user, traces max, ms max, idle ms.
// Returns when the trace ends, or 0 if too many are running. A trace exists as long as its own key.
const startLua = `${nowLua}
local running = redis.call('HGETALL', KEYS[1])
local count = 0
for i = 1, #running, 2 do
  if redis.call('EXISTS', ARGV[1] .. running[i]) == 1 then count = count + 1
  else redis.call('HDEL', KEYS[1], running[i]) end
end
if count >= tonumber(ARGV[4]) then return 0 end
local ends = now + ARGV[5]
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[5])
redis.call('HSET', KEYS[2], 'user', ARGV[3], 'ends', ends, 'events', 0)
redis.call('PEXPIRE', KEYS[2], math.min(ARGV[5], ARGV[6]))
return ends`;

// KEYS: traces. ARGV: prefix of a trace. Returns id, user and places of each.
const runningLua = `
local running, out = redis.call('HGETALL', KEYS[1]), {}
for i = 1, #running, 2 do
  local trace = ARGV[1] .. running[i]
  if redis.call('EXISTS', trace) == 1 then
    out[#out + 1] = {running[i], running[i + 1], redis.call('ZRANGE', trace .. ':places', 0, -1)}
  end
end
return out`;

// KEYS: trace, places, events. ARGV: events max, places max, number of places, places, events.
// Events are numbered from 1, so that a reader can count those it missed.
const appendLua = `${nowLua}
local ends = redis.call('HGET', KEYS[1], 'ends')
if not ends then return 0 end
local places = tonumber(ARGV[3])
for i = 4, 3 + places do
  if redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[2]) then break end
  redis.call('ZADD', KEYS[2], 0, ARGV[i])
end
for i = 4 + places, #ARGV do
  local number = redis.call('HINCRBY', KEYS[1], 'events', 1)
  redis.call('XADD', KEYS[3], 'MAXLEN', ARGV[1], number .. '-0', 'e', ARGV[i])
end
redis.call('PEXPIRE', KEYS[2], math.max(1, ends - now))
redis.call('PEXPIRE', KEYS[3], math.max(1, ends - now))
return 1`;

// KEYS: trace, places, events. ARGV: after, events max, idle ms.
// Returns the user, the end, the number of the last event before those returned, and the events.
const readLua = `${nowLua}
local trace = redis.call('HMGET', KEYS[1], 'user', 'ends', 'events')
if not trace[1] then return false end
redis.call('PEXPIRE', KEYS[1], math.max(1, math.min(ARGV[3], trace[2] - now)))
local after = math.min(ARGV[1], trace[3])
local entries = redis.call('XRANGE', KEYS[3], '(' .. after .. '-0', '+', 'COUNT', ARGV[2])
local first = entries[1] and string.match(entries[1][1], '^%d+') or after + 1
local out = {trace[1], trace[2], first - 1}
for _, entry in ipairs(entries) do out[#out + 1] = entry[2][2] end
return out`;

// KEYS: traces, trace, places, events. ARGV: id.
const stopLua = `
redis.call('HDEL', KEYS[1], ARGV[1])
return redis.call('DEL', KEYS[2], KEYS[3], KEYS[4])`;

export const tracesNeeds: StoreNeeds = {
  scripts: [startLua, runningLua, appendLua, readLua, stopLua],
  commands: [],
};

export function createRedisTraces(redis: Redis, limits = traceLimits): Traces {
  const { tracesMax, traceMsMax, idleMsMax, eventsMax, readEventsMax, placesMax } = limits;
  const tracesKey = redis.key('traces');
  const prefix = redis.key('trace:');
  const traceKeys = (id: string) => ['', ':places', ':events'].map((of) => `${prefix}${id}${of}`);
  return {
    async start(userId) {
      const id = randomUUID();
      const keys = [tracesKey, `${prefix}${id}`];
      const args = [prefix, id, userId, tracesMax, traceMsMax, idleMsMax];
      const endsAt = Number(await redis.script(startLua, keys, args));
      return endsAt === 0 ? undefined : { id, endsAt };
    },
    async running() {
      const answer = await redis.script(runningLua, [tracesKey], [prefix]);
      const traces = answer as [string, string, string[]][];
      return traces.map(([id, userId, places]): Trace => ({ id, userId, places }));
    },
    async append(id, places, events) {
      const args = [eventsMax, placesMax, places.length, ...places, ...events];
      await redis.script(appendLua, traceKeys(id), args);
    },
    async read(id, after) {
      const args = [after, readEventsMax, idleMsMax];
      const answer = (await redis.script(readLua, traceKeys(id), args)) as string[] | null;
      if (!answer) return undefined;
      const [userId = '', endsAt, before, ...events] = answer;
      const from = Number(before);
      const lost = Math.max(0, from - after);
      return { userId, events, lost, next: from + events.length, endsAt: Number(endsAt) };
    },
    async stop(id) {
      await redis.script(stopLua, [tracesKey, ...traceKeys(id)], [id]);
    },
  };
}
