// Lua scripts for the position and the life of a process.
import { advance, position, type Script } from './position-script.ts';

/**
 * KEYS: sequence, clock, low watermark, logs. ARGV: an id for each log.
 * Returns the newest id, raised to the clock, the time in microseconds, and the indexes, from 0, of
 * the logs that have something after their id.
 */
export const readPosition: Script = {
  lua: `${advance}
local out = {text(last), text(now)}
for i, after in ipairs(ARGV) do
  if #redis.call('XRANGE', KEYS[3 + i], '(' .. after .. '-0', '+', 'COUNT', 1) > 0 then
    out[#out + 1] = i - 1
  end
end
return out`,
};

/**
 * Renews the key of a process and the formats that it reads, and agrees on the format that all
 * processes write: the newest that each of them reads.
 * If there was no heartbeat of any process for a while, records when. Redis was unavailable then.
 * KEYS: sequence, clock, low watermark, process, formats, heartbeats. ARGV: how long formats are
 * valid in ms, id of the process, oldest and newest format, the id up to which all clients of the
 * process have received everything, TTL of the keys in ms, the longest pause between heartbeats.
 * Returns the newest id, raised to the clock, the time in microseconds, the previous value of the
 * key, the agreed format, and the formats that all others read. If they have none in common with
 * this process, renews nothing and returns 0 as the agreed format.
 */
export const heartbeat: Script = {
  lua: `${advance}
local ms = math.floor(now / 1000)
local low, high = 0, 255
local all = redis.call('HGETALL', KEYS[5])
for i = 1, #all, 2 do
  if all[i] ~= 'agreed' and all[i] ~= ARGV[2] then
    local ends, oldest, newest = string.match(all[i + 1], '^(%d+) (%d+) (%d+)')
    if tonumber(ends) < ms then
      redis.call('HDEL', KEYS[5], all[i])
    else
      low, high = math.max(low, oldest), math.min(high, newest)
    end
  end
end
local agreed = math.min(high, ARGV[4])
if agreed < math.max(low, ARGV[3]) then return {text(last), text(now), '', 0, low, high} end
local beats = redis.call('HMGET', KEYS[6], 'last', 'start', 'end')
local latest = tonumber(beats[1] or ms)
if ms - latest > tonumber(ARGV[7]) then
  local again = beats[3] and latest - beats[3] < tonumber(ARGV[7]) -- it was back only briefly
  redis.call('HSET', KEYS[6], 'start', again and beats[2] or latest, 'end', ms)
end
redis.call('HSET', KEYS[6], 'last', ms)
redis.call('PEXPIRE', KEYS[6], ARGV[6])
local before = redis.call('SET', KEYS[4], ARGV[5] .. text(ms), 'PX', ARGV[6], 'GET')
local own = text(ms + ARGV[1]) .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]
redis.call('HSET', KEYS[5], ARGV[2], own, 'agreed', agreed)
redis.call('PEXPIRE', KEYS[5], ARGV[1])
return {text(last), text(now), before or '', agreed, low, high}`,
};

/**
 * After a reconnect, checks whether Redis has lost a message that this process delivered or
 * published. If so, raises the low watermark, below which no session is restored.
 * KEYS: sequence, clock, low watermark, log of such a message. ARGV: newest id seen, id of that
 * message, log ms, the newest position that this process has read.
 */
export const checkLoss: Script = {
  lua: `${position}
local newest = ARGV[1] > ARGV[2] and ARGV[1] or ARGV[2]
local sequence = redis.call('GET', KEYS[1])
local lost = sequence < newest
local fresh = now - ARGV[3] * 1000
if not lost and KEYS[4] ~= '' and tonumber(ARGV[2]) > fresh then
  local entries = redis.call('XRANGE', KEYS[4], ARGV[2], ARGV[2])
  local first = redis.call('XRANGE', KEYS[4], '-', '+', 'COUNT', 1)[1]
  local empty = not first and redis.call('EXISTS', KEYS[4]) == 1 -- trimmed because of its bytes
  lost = #entries == 0 and not empty and (not first or string.sub(first[1], 1, 16) <= ARGV[2])
end
if lost then
  if sequence < newest then redis.call('SET', KEYS[1], newest) end
  if (redis.call('GET', KEYS[3]) or '') < newest then redis.call('SET', KEYS[3], newest) end
end
if text(last) < ARGV[4] then redis.call('SET', KEYS[2], ARGV[4]) end
return 1`,
};
