// Lua scripts that write and read the logs of rooms.
import { position, type Script } from './position-script.ts';

/** Added to the TTL of a log: the clock may be set back by the time since the last heartbeat. */
const expiryMarginMs = 10_000;
/** A message to several rooms is copied to their logs if the copies are not larger than this. */
const copiedBytesMax = 4_096;

/**
 * Publishes a batch. Each message, which may be a bundle, gets ids and is appended to the log of
 * each of its rooms and published on each of its channels. A large message to several rooms is
 * stored in the shared log, and the logs of the rooms get an entry without content.
 * A log expires some time after its last message. Whatever is older may be lost without a trace, so
 * a new log starts with an empty entry at that age. It marks up to where the log is complete.
 * KEYS: sequence, clock, low watermark, shared log, formats, then for each message: logs, record,
 * once. ARGV: entries max, bytes max, both for the shared log, log ms, format, number of messages,
 * then for each message: payload, number of ids, number of logs, number of channels, record max,
 * record bytes max, record ms, record value, once ms, digest and result, encoded rooms, channel and
 * text of a raw message, channels. '' means none.
 * Returns the last id of each message. If its `once` key was used before, it is `=`, the first id
 * and the first result; if the digest differs, `!` and the first id. Then follows the number of
 * logs that were trimmed because of their bytes. Or returns the newest format that all processes
 * read, as a number, and does nothing else.
 */
export const publish: Script = {
  lua: `
local agreed = tonumber(redis.call('HGET', KEYS[5], 'agreed') or ARGV[6])
if tonumber(ARGV[6]) > agreed then return agreed end
local format = string.char(ARGV[6])
${position}
if now > last then last = now - 1 end
local cut = 0
local base = text(last - ARGV[5] * 1000) .. '-0'
local function trim(stream, newest, entriesMax, bytesMax)
  if newest <= bytesMax / entriesMax then return false end -- cannot add up to bytes max
  local bytes = redis.call('MEMORY', 'USAGE', stream)
  if bytes <= tonumber(bytesMax) then return false end
  local keep = math.floor(redis.call('XLEN', stream) * 0.9 * bytesMax / bytes)
  redis.call('XTRIM', stream, 'MAXLEN', math.max(1, keep)) -- an empty log would seem complete
  return true
end
local function append(log, id, field, value, entriesMax, bytesMax)
  if not redis.call('XADD', log, 'NOMKSTREAM', 'MAXLEN', '~', entriesMax, id, field, value) then
    redis.call('XADD', log, base, 'start', '')
    redis.call('XADD', log, id, field, value)
  end
  local ahead = math.max(0, last - now) -- the sequence may run ahead of the clock
  redis.call('PEXPIRE', log, ARGV[5] + ${expiryMarginMs} + math.floor(ahead / 1000))
  if trim(log, #value, entriesMax, bytesMax) then cut = cut + 1 end
end
local key, arg, out = 6, 8, {}
for message = 1, tonumber(ARGV[7]) do
  local payload, ids = ARGV[arg], ARGV[arg + 1]
  local logs, channels = tonumber(ARGV[arg + 2]), tonumber(ARGV[arg + 3])
  local recordMax, recordBytesMax = ARGV[arg + 4], ARGV[arg + 5]
  local recordMs, record = ARGV[arg + 6], ARGV[arg + 7]
  local onceMs, digest, result = ARGV[arg + 8], ARGV[arg + 9], ARGV[arg + 10]
  local rooms, rawChannel, raw = ARGV[arg + 11], ARGV[arg + 12], ARGV[arg + 13]
  arg = arg + 14
  local recordKey, onceKey = key + logs, key + logs + (recordMax ~= '' and 1 or 0)
  local published = onceMs ~= '' and redis.call('GET', KEYS[onceKey])
  if published then
    local id, same = string.sub(published, 1, 16), string.sub(published, 17, 16 + #digest) == digest
    out[message] = same and '=' .. id .. string.sub(published, 17 + #digest) or '!' .. id
  else
    local id = '0000000000000000'
    if logs > 0 or recordMax ~= '' then
      last = last + ids
      id = text(last)
    end
    local field, value = 'd', payload
    if #payload * (logs - 1) > ${copiedBytesMax} then
      append(KEYS[4], id .. '-0', 'd', payload, ARGV[3], ARGV[4])
      field, value = 's', ''
    end
    for log = key, key + logs - 1 do
      append(KEYS[log], id .. '-0', field, value, ARGV[1], ARGV[2])
    end
    if recordMax ~= '' then
      redis.call('XADD', KEYS[recordKey], 'MAXLEN', recordMax, id .. '-0', 'd', record)
      trim(KEYS[recordKey], #record, recordMax, recordBytesMax)
      redis.call('PEXPIRE', KEYS[recordKey], recordMs)
    end
    if onceMs ~= '' then redis.call('SET', KEYS[onceKey], id .. digest .. result, 'PX', onceMs) end
    for channel = arg, arg + channels - 1 do
      redis.call('PUBLISH', ARGV[channel], format .. id .. rooms .. payload)
    end
    if rawChannel ~= '' then redis.call('PUBLISH', rawChannel, raw) end
    out[message] = id
  end
  key = onceKey + (onceMs ~= '' and 1 or 0)
  arg = arg + channels
end
redis.call('SET', KEYS[1], text(last)) -- a full Redis refuses this for messages without a log, too
out[#out + 1] = cut
return out`,
};

/**
 * Reads logs one after another, each after an id, up to a number of entries and bytes.
 * KEYS: sequence, clock, low watermark, shared log, logs. ARGV: log ms, entries, bytes, '1' if no
 * entry may be read any more, then the id for each log.
 * Returns the number of finished logs, then an array for each log that is not up to date: its index
 * from 1, a status, and alternating ids and payloads. The status is 'trimmed'; 'too_much' if no
 * entry may be read; 'ok'; or 'more' if the log is not finished. A payload that was returned before
 * is empty.
 */
export const readLogs: Script = {
  lua: `${position}
local low = redis.call('GET', KEYS[3]) or ''
local horizon = text(math.max(now, last) - ARGV[1] * 1000)
local function idOf(entry) return string.sub(entry[1], 1, 16) end
local function entriesAfter(log, after, count)
  return redis.call('XRANGE', log, '(' .. after .. '-0', '+', 'COUNT', count)
end
-- Whether a log that has newer entries, or none, is complete: its start or an older entry is there.
local function isComplete(log, after, hasNewer)
  if not hasNewer and redis.call('EXISTS', log) == 0 then return after >= horizon end
  return not hasNewer or #redis.call('XRANGE', log, '-', after .. '-0', 'COUNT', 1) > 0
end
local sent = {}
local function payloadOf(id, field, value)
  if sent[id] then return '' end
  if field == 's' then
    local stored = redis.call('XRANGE', KEYS[4], id, id)[1]
    value = stored and stored[2][2]
  end
  sent[id] = value
  return value
end
local entriesLeft, bytesLeft, out = tonumber(ARGV[2]), tonumber(ARGV[3]), {0}
local countMax = 64
-- Returns whether the log is finished.
local function read(log, entries, part)
  local count = 1
  while true do
    local bytes, after = 0, ''
    for _, entry in ipairs(entries) do
      if entriesLeft <= 0 or bytesLeft <= 0 then
        part[2] = 'more'
        return false
      end
      after = idOf(entry)
      local payload = payloadOf(after, entry[2][1], entry[2][2])
      if not payload then
        part[2] = 'trimmed'
        return true
      end
      entriesLeft, bytesLeft, bytes = entriesLeft - 1, bytesLeft - #payload, bytes + #payload
      part[#part + 1] = after
      part[#part + 1] = payload
    end
    if #entries < count then return true end
    local fitting = math.floor(bytesLeft / (bytes / count + 1))
    count = math.max(1, math.min(4 * count, countMax, fitting, entriesLeft))
    entries = entriesAfter(log, after, count)
  end
end
for i = 5, #KEYS do
  local log, after, place = KEYS[i], ARGV[i], i - 4
  local entries = entriesAfter(log, after, 1)
  if after < low or not isComplete(log, after, #entries > 0) then
    out[#out + 1] = {place, 'trimmed'}
  elseif #entries > 0 and ARGV[4] == '1' then
    out[#out + 1] = {place, 'too_much'}
  elseif #entries > 0 then
    out[#out + 1] = {place, 'ok'}
    if not read(log, entries, out[#out]) then return out end
  end
  out[1] = place
end
return out`,
};

/**
 * Reads the newest values of a record: up to a number, and until they reach a number of bytes.
 * KEYS: record. ARGV: where to start, entries max, bytes max.
 * Returns 1 if there may be older ones, otherwise 0; then alternating ids and values.
 */
export const readRecord: Script = {
  lua: `
local from, left, bytesMax = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local out, bytes, seen, count = {1}, 0, 0, math.min(left, 4)
while left > 0 do
  local entries = redis.call('XREVRANGE', KEYS[1], from, '-', 'COUNT', count)
  for _, entry in ipairs(entries) do
    from, left, seen = '(' .. entry[1], left - 1, seen + 1
    out[#out + 1] = entry[1]
    out[#out + 1] = entry[2][2]
    bytes = bytes + #entry[2][2]
    if bytes >= bytesMax then return out end
  end
  if #entries < count then
    out[1] = 0
    return out
  end
  count = math.max(1, math.min(left, 256, math.floor((bytesMax - bytes) / (bytes / seen + 1))))
end
return out`,
};
