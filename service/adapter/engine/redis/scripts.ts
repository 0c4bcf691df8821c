// Lua scripts, each of which Redis runs atomically. Ids are microseconds by its clock, from one
// sequence.

export interface Script {
  lua: string;
}

/**
 * Publishes a batch. Each message, which may be a bundle, gets ids and is appended to the log of
 * each of its rooms and published on each of its channels.
 * KEYS: sequence, formats, then for each message: logs, record, once.
 * ARGV: entries max, bytes max, log ms, format, number of messages, then for each message: payload,
 * number of ids, number of logs, number of channels, record max, record ms, record value, once ms,
 * encoded rooms, channel and text of a raw message, channels. '' means none.
 * Returns the last id of each message, or `=` and the value of its `once` key; then the number of
 * logs that were trimmed because of their bytes. Or returns the newest format that all processes
 * read, as a number, and does nothing else.
 */
export const publish: Script = {
  lua: `
local agreed = tonumber(redis.call('HGET', KEYS[2], 'agreed') or ARGV[4])
if tonumber(ARGV[4]) > agreed then return agreed end
local format = string.char(ARGV[4])
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local last = tonumber(redis.call('GET', KEYS[1]) or '0')
if now > last then last = now - 1 end
local key, arg, out, cut = 3, 6, {}, 0
local large = ARGV[2] / ARGV[1] -- smaller payloads cannot add up to bytes max
for message = 1, tonumber(ARGV[5]) do
  local payload, ids = ARGV[arg], ARGV[arg + 1]
  local logs, channels = tonumber(ARGV[arg + 2]), tonumber(ARGV[arg + 3])
  local recordMax, recordMs, record = ARGV[arg + 4], ARGV[arg + 5], ARGV[arg + 6]
  local onceMs, rooms, rawChannel, raw = ARGV[arg + 7], ARGV[arg + 8], ARGV[arg + 9], ARGV[arg + 10]
  arg = arg + 11
  local recordKey, onceKey = key + logs, key + logs + (recordMax ~= '' and 1 or 0)
  local before = onceMs ~= '' and redis.call('GET', KEYS[onceKey])
  if before then
    out[message] = '=' .. before
  else
    local id = '0000000000000000'
    if logs > 0 or recordMax ~= '' then
      last = last + ids
      id = string.format('%.0f', last)
    end
    for log = key, key + logs - 1 do
      redis.call('XADD', KEYS[log], 'MAXLEN', '~', ARGV[1], id .. '-0', 'd', payload)
      redis.call('PEXPIRE', KEYS[log], ARGV[3])
      local bytes = #payload > large and redis.call('MEMORY', 'USAGE', KEYS[log]) or 0
      if bytes > tonumber(ARGV[2]) then
        local keep = math.floor(redis.call('XLEN', KEYS[log]) * 0.9 * ARGV[2] / bytes)
        redis.call('XTRIM', KEYS[log], 'MAXLEN', keep)
        cut = cut + 1
      end
    end
    if recordMax ~= '' then
      redis.call('XADD', KEYS[recordKey], 'MAXLEN', recordMax, id .. '-0', 'd', record)
      redis.call('PEXPIRE', KEYS[recordKey], recordMs)
    end
    if onceMs ~= '' then redis.call('SET', KEYS[onceKey], id .. record, 'PX', onceMs) end
    for channel = arg, arg + channels - 1 do
      redis.call('PUBLISH', ARGV[channel], format .. id .. rooms .. payload)
    end
    if rawChannel ~= '' then redis.call('PUBLISH', rawChannel, raw) end
    out[message] = id
  end
  key = onceKey + (onceMs ~= '' and 1 or 0)
  arg = arg + channels
end
redis.call('SET', KEYS[1], string.format('%.0f', last))
out[#out + 1] = cut
return out`,
};

/**
 * Writes a session, unless a newer claim has it.
 * KEYS: session, the user's sessions. ARGV: epoch, user, process, state, TTL in ms, '1' if
 * disconnected now, sessions per user, TTL of their set in ms, format.
 * Returns 0 if a newer claim has the session, 2 if another session of the user was evicted, else 1.
 */
export const saveSession: Script = {
  lua: `
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if epoch and tonumber(epoch) > tonumber(ARGV[1]) then return 0 end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'user', ARGV[2], 'process', ARGV[3],
  'state', ARGV[4], 'format', ARGV[9], 'gone', ARGV[6] == '1' and now or '')
redis.call('PEXPIRE', KEYS[1], ARGV[5])
if ARGV[2] == '' then return 1 end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
redis.call('ZADD', KEYS[2], now + ARGV[5], KEYS[1])
redis.call('PEXPIRE', KEYS[2], ARGV[8])
if redis.call('ZCARD', KEYS[2]) <= tonumber(ARGV[7]) then return 1 end
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
 * KEYS: session, sequence, low watermark. ARGV: user, process, window in ms, prefix of processes,
 * notice, claims from live connections in ten seconds, format to write, oldest and newest format to
 * read.
 * Returns the outcome; for 'unreadable' also the format; for 'ok' also the epoch, the state, the
 * sequence, the low watermark, the format, and the previous process if it will answer: its socket
 * was not known to be gone, and it listens.
 */
export const claimSession: Script = {
  lua: `
local held = redis.call('HMGET', KEYS[1], 'user', 'process', 'gone', 'state', 'taken', 'takenAt',
  'format')
if not held[4] then return {'unknown'} end
if held[1] ~= ARGV[1] then return {'refused'} end
local format = tonumber(held[7] or '0')
if format < tonumber(ARGV[8]) or format > tonumber(ARGV[9]) then return {'unreadable', format} end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expired
if held[3] ~= '' then expired = now - tonumber(held[3]) > tonumber(ARGV[3])
else expired = redis.call('EXISTS', ARGV[4] .. held[2]) == 0 end
if expired then
  redis.call('DEL', KEYS[1])
  return {'expired'}
end
if held[3] == '' then
  local recent = now - tonumber(held[6] or '0') < 10000
  local taken = recent and tonumber(held[5]) + 1 or 1
  if taken > tonumber(ARGV[6]) then return {'limited'} end
  redis.call('HSET', KEYS[1], 'taken', taken, 'takenAt', recent and held[6] or now)
end
local epoch = redis.call('HINCRBY', KEYS[1], 'epoch', 1)
redis.call('HSET', KEYS[1], 'process', ARGV[2], 'gone', '')
local answers = 0
if held[2] ~= ARGV[2] then
  local noId, noRooms = '0000000000000000', '\\0\\0\\0\\0'
  answers = redis.call('PUBLISH', ARGV[4] .. held[2],
    string.char(ARGV[7]) .. noId .. noRooms .. epoch .. ' ' .. ARGV[5])
end
local none = '0000000000000000'
return {'ok', tostring(epoch), held[4], redis.call('GET', KEYS[2]) or none,
  redis.call('GET', KEYS[3]) or none, format,
  held[3] == '' and answers > 0 and held[2] or ''}`,
};

/**
 * Reads logs one after another, each after an id, up to a number of entries and bytes.
 * KEYS: logs. ARGV: entries, bytes, then the id for each log.
 * Returns the number of finished logs, then an array for each log that is not up to date: its index
 * from 1, a status, and alternating ids and payloads. The status is 'trimmed', 'ok', or 'more' if
 * the log is not finished.
 */
export const readLogs: Script = {
  lua: `
local function idOf(entry) return string.sub(entry[1], 1, 16) end
local function lost(log, after, first)
  if first and idOf(first) <= after then return false end
  local info = {}
  local reply = redis.call('XINFO', 'STREAM', log)
  for i = 1, #reply, 2 do info[reply[i]] = reply[i + 1] end
  local last = string.sub(info['last-generated-id'], 1, 16)
  return last > after and info['entries-added'] ~= info['length']
end
local entriesLeft, bytesLeft = tonumber(ARGV[1]), tonumber(ARGV[2])
local out = {0}
for i, log in ipairs(KEYS) do
  local after = ARGV[i + 2]
  local newest = redis.call('XREVRANGE', log, '+', '-', 'COUNT', 1)[1]
  if newest and idOf(newest) <= after then
    out[1] = i
  elseif not newest and redis.call('EXISTS', log) == 0 then
    out[1] = i
  elseif lost(log, after, newest and redis.call('XRANGE', log, '-', '+', 'COUNT', 1)[1]) then
    out[#out + 1] = {i, 'trimmed'}
    out[1] = i
  elseif not newest then
    out[1] = i
  else
    local part = {i, 'ok'}
    out[#out + 1] = part
    repeat
      local entries = redis.call('XRANGE', log, '(' .. after .. '-0', '+', 'COUNT', 64)
      for _, entry in ipairs(entries) do
        if entriesLeft <= 0 or bytesLeft <= 0 then
          part[2] = 'more'
          return out
        end
        after = idOf(entry)
        entriesLeft, bytesLeft = entriesLeft - 1, bytesLeft - #entry[2][2]
        part[#part + 1] = after
        part[#part + 1] = entry[2][2]
      end
    until #entries < 64
    out[1] = i
  end
end
return out`,
};

/**
 * KEYS: sequence.
 * Returns the newest id, and the time in microseconds.
 */
export const position: Script = {
  lua: `
local time = redis.call('TIME')
local id = redis.call('GET', KEYS[1]) or '0000000000000000'
return {id, string.format('%.0f', time[1] * 1000000 + time[2])}`,
};

/**
 * Renews the key of a process and the formats that it reads, and agrees on the format that all
 * processes write: the newest that each of them reads.
 * KEYS: process, formats. ARGV: TTL in ms, id of the process, oldest and newest format.
 * Returns the time in microseconds, the agreed format, and the formats that all others read. If
 * they have none in common with this process, does nothing and returns 0 as the agreed format.
 */
export const heartbeat: Script = {
  lua: `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local low, high = 0, 255
local all = redis.call('HGETALL', KEYS[2])
for i = 1, #all, 2 do
  if all[i] ~= 'agreed' and all[i] ~= ARGV[2] then
    local ends, oldest, newest = string.match(all[i + 1], '^(%d+) (%d+) (%d+)')
    if tonumber(ends) < now then
      redis.call('HDEL', KEYS[2], all[i])
    else
      low, high = math.max(low, oldest), math.min(high, newest)
    end
  end
end
local agreed = math.min(high, ARGV[4])
if agreed < math.max(low, ARGV[3]) then
  agreed = 0
else
  redis.call('SET', KEYS[1], '1', 'PX', ARGV[1])
  local own = now + ARGV[1] .. ' ' .. ARGV[3] .. ' ' .. ARGV[4]
  redis.call('HSET', KEYS[2], ARGV[2], own, 'agreed', agreed)
  redis.call('PEXPIRE', KEYS[2], ARGV[1])
end
return {string.format('%.0f', time[1] * 1000000 + time[2]), agreed, low, high}`,
};

/**
 * After a reconnect, checks whether Redis has lost a message that this process delivered or
 * published. If so, raises the low watermark, below which no session is restored.
 * KEYS: sequence, low watermark, log of such a message. ARGV: newest id seen, id of that message,
 * log ms.
 * Returns the sequence.
 */
export const checkLoss: Script = {
  lua: `
local last = redis.call('GET', KEYS[1]) or '0000000000000000'
local newest = ARGV[1] > ARGV[2] and ARGV[1] or ARGV[2]
local lost = last < newest
local time = redis.call('TIME')
local fresh = time[1] * 1000000 + time[2] - ARGV[3] * 1000
if not lost and KEYS[3] ~= '' and tonumber(ARGV[2]) > fresh then
  local entries = redis.call('XRANGE', KEYS[3], ARGV[2], ARGV[2])
  local first = redis.call('XRANGE', KEYS[3], '-', '+', 'COUNT', 1)[1]
  local empty = not first and redis.call('EXISTS', KEYS[3]) == 1 -- trimmed because of its bytes
  lost = #entries == 0 and not empty and (not first or string.sub(first[1], 1, 16) <= ARGV[2])
end
if lost then
  if last < newest then
    last = newest
    redis.call('SET', KEYS[1], last)
  end
  if (redis.call('GET', KEYS[2]) or '') < newest then redis.call('SET', KEYS[2], newest) end
end
return last`,
};
