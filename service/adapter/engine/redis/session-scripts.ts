// Lua scripts that write, claim and delete sessions.
import { position, type Script } from './position-script.ts';

/**
 * Writes a session, unless a newer claim has it. The time of its loss stays the first one until the
 * client has confirmed that it is there.
 * KEYS: session, the user's sessions. ARGV: epoch, user, process, state, TTL in ms, '1' to replace
 * the whole session or '' for changes, the id up to which the client has confirmed or '', how many
 * ms ago the socket disconnected or '', sessions per user, TTL of their set in ms, format, number
 * of joined rooms, then rooms and positions, then left rooms.
 * Returns 0 if a newer claim has the session, 3 if the whole session is needed, 2 if another
 * session of the user was evicted, else 1.
 */
export const saveSession: Script = {
  lua: `
local known = redis.call('HMGET', KEYS[1], 'epoch', 'gone', 'received', 'taken', 'takenAt')
local epoch, own = tonumber(known[1]), tonumber(ARGV[1])
if epoch and epoch > own then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if ARGV[6] == '1' then
  redis.call('DEL', KEYS[1])
  if known[4] then redis.call('HSET', KEYS[1], 'taken', known[4], 'takenAt', known[5]) end
elseif epoch ~= own then
  return 3
end
local gone, received = known[2] or '', known[3] or ''
if ARGV[7] ~= '' then
  gone = ''
  if ARGV[7] > received then received = ARGV[7] end
end
if ARGV[8] ~= '' and gone == '' then gone = now - ARGV[8] end
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'user', ARGV[2], 'process', ARGV[3],
  'state', ARGV[4], 'format', ARGV[11], 'gone', gone, 'received', received,
  'open', ARGV[8] == '' and '1' or '')
local left = 13 + 2 * ARGV[12]
for i = 13, left - 1, 2 do redis.call('HSET', KEYS[1], 'room:' .. ARGV[i], ARGV[i + 1]) end
for i = left, #ARGV do redis.call('HDEL', KEYS[1], 'room:' .. ARGV[i]) end
redis.call('PEXPIRE', KEYS[1], ARGV[5])
if ARGV[2] == '' then return 1 end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[5], KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[10])
if redis.call('ZCARD', KEYS[2]) <= tonumber(ARGV[9]) then return 1 end
redis.call('DEL', redis.call('ZPOPMIN', KEYS[2])[1])
return 2`,
};

/** KEYS: session, the user's sessions. ARGV: epoch. */
export const deleteSession: Script = {
  lua: `
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then return 0 end
redis.call('ZREM', KEYS[2], KEYS[1])
return redis.call('DEL', KEYS[1])`,
};

/**
 * Takes over a session. The newest claim wins, and the previous process is asked to hand it over.
 * If the socket was not known to be gone, it was lost after the last heartbeat of its process. A
 * process that was alive when Redis became unavailable may not be back yet: its silence counts from
 * when Redis was back.
 * KEYS: sequence, clock, low watermark, session, heartbeats. ARGV: user, process, window in ms,
 * prefix of processes, notice, claims from live connections in ten seconds, format to write, oldest
 * and newest format to read, after how many ms without a heartbeat a process is dead, the longest
 * pause between heartbeats of all processes in ms.
 * Returns the outcome; for 'unreadable' also the format; for 'ok' also the epoch, the newest id,
 * the id up to which the client has received everything, the session as alternating fields and
 * values, and the previous process if it will answer: a connection had the session, and the process
 * listens.
 */
export const claimSession: Script = {
  lua: `${position}
local session = KEYS[4]
local held = redis.call('HMGET', session, 'user', 'process', 'gone', 'taken', 'takenAt',
  'received', 'open', 'format')
if not held[1] then return {'unknown'} end
if held[1] ~= ARGV[1] then return {'refused'} end
local format = tonumber(held[8] or '0')
if format < tonumber(ARGV[8]) or format > tonumber(ARGV[9]) then return {'unreadable', format} end
local ms = math.floor(now / 1000)
local gone, received = tonumber(held[3]), held[6] or ''
local isLost = gone ~= nil
if not isLost then
  local beat = redis.call('GET', ARGV[4] .. held[2]) or ''
  gone = tonumber(string.sub(beat, 17))
  if string.sub(beat, 1, 16) > received then received = string.sub(beat, 1, 16) end
  local pause = redis.call('HMGET', KEYS[5], 'start', 'end')
  if gone and pause[1] and gone > pause[1] - ARGV[11] and gone < tonumber(pause[2]) then
    gone = tonumber(pause[2])
  end
end
if not gone or ms - gone > tonumber(ARGV[isLost and 3 or 10]) then
  redis.call('DEL', session)
  return {'expired'}
end
if held[7] == '1' then
  local recent = ms - tonumber(held[5] or '0') < 10000
  local taken = recent and tonumber(held[4]) + 1 or 1
  if taken > tonumber(ARGV[6]) then return {'limited'} end
  redis.call('HSET', session, 'taken', taken, 'takenAt', recent and held[5] or ms)
end
local epoch = redis.call('HINCRBY', session, 'epoch', 1)
redis.call('HSET', session, 'process', ARGV[2], 'gone', gone, 'received', received, 'open', '1')
local listeners = 0
if held[2] ~= ARGV[2] then
  local noId, noRooms = '0000000000000000', '\\0\\0\\0\\0'
  listeners = redis.call('PUBLISH', ARGV[4] .. held[2],
    string.char(ARGV[7]) .. noId .. noRooms .. epoch .. ' ' .. ARGV[5])
end
return {'ok', tostring(epoch), text(math.max(now, last)), received,
  redis.call('HGETALL', session), held[7] == '1' and listeners > 0 and held[2] or ''}`,
};
