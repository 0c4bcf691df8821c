// The history in Redis: a stream per room, whose entry ids are Redis's own clock.
import { randomUUID } from 'node:crypto';
import type { History } from '../application.ts';
import type { Message } from '../protocol.ts';
import { type HistoryLimits, idempotencyMsMax, pageOf, pendingMsMax, sentKey } from './history.ts';
import type { Redis } from './redis.ts';

const prefix = 'mooring:';
const streamKey = (roomId: string) => `${prefix}history:${roomId}`;

// KEYS: stream, sent ('' without an id). ARGV: id, message, messages max, age max, sent ms.
// Answers whether it is the first, and milliseconds with the message behind them.
const appendLua = `
if KEYS[2] ~= '' then
  local first = redis.call('GET', KEYS[2])
  if first then return {0, first} end
end
local entry = redis.call('XADD', KEYS[1], 'MAXLEN', ARGV[3], '*', 'id', ARGV[1], 'm', ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[4])
local stored = string.match(entry, '^%d+') .. ARGV[2]
if KEYS[2] ~= '' then redis.call('SET', KEYS[2], stored, 'PX', ARGV[5]) end
return {1, stored}`;

// KEYS: stream. ARGV: before as an id or '', before as ms or '', limit, age max.
// Two users may have chosen the same id: what is before the oldest of them.
// Answers milliseconds with message, newest first, more than the limit if there are more.
const readLua = `
local time = redis.call('TIME')
local oldest = time[1] * 1000 + math.floor(time[2] / 1000) - ARGV[4]
local from, found, out = '+', ARGV[1] == '', {}
if ARGV[2] ~= '' then
  if tonumber(ARGV[2]) < 1 then return out end
  from = string.format('%.0f', ARGV[2] - 1)
end
while true do
  local entries = redis.call('XREVRANGE', KEYS[1], from, '-', 'COUNT', 100)
  for _, entry in ipairs(entries) do
    local at = string.match(entry[1], '^%d+')
    if tonumber(at) <= oldest then return out end
    if entry[2][2] == ARGV[1] then
      found, out = true, {}
    elseif found then
      out[#out + 1] = at .. entry[2][4]
      if ARGV[1] == '' and #out > tonumber(ARGV[3]) then return out end
    end
    from = '(' .. entry[1]
  end
  if #entries < 100 then return out end
end`;

export function createRedisHistory(redis: Redis, { messagesMax, msMax }: HistoryLimits): History {
  return {
    async append({ roomId, userId, text, id = '' }) {
      const draft = { id: id || randomUUID(), roomId, userId, text };
      const keys = [streamKey(roomId), id && `${prefix}sent:${sentKey(userId, id)}`];
      const args = [draft.id, JSON.stringify(draft), messagesMax, msMax, idempotencyMsMax];
      const [first, stored] = (await redis.script(appendLua, keys, args)) as [number, string];
      return { message: parse(stored), first: first === 1 };
    },
    async read(roomId, { before = '', limit }) {
      const [id, ms] = typeof before === 'number' ? ['', before] : [before, ''];
      const args = [id, ms, limit, msMax];
      const stored = (await redis.script(readLua, [streamKey(roomId)], args)) as string[];
      return pageOf(stored.map(parse), limit);
    },
    async begin(key) {
      const name = `${prefix}once:${key}`;
      const expiration = { type: 'PX', value: pendingMsMax } as const;
      const held = await redis.run((client) =>
        client.set(name, 'pending', { condition: 'NX', GET: true, expiration }),
      );
      return held === null ? 'new' : (held as 'pending' | 'done');
    },
    async finish(key) {
      const expiration = { type: 'PX', value: idempotencyMsMax } as const;
      await redis.run((client) => client.set(`${prefix}once:${key}`, 'done', { expiration }));
    },
  };
}

/** Milliseconds, then the message as JSON. */
function parse(stored: string): Message {
  const brace = stored.indexOf('{');
  return { ...JSON.parse(stored.slice(brace)), at: Number(stored.slice(0, brace)) };
}
