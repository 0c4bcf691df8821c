// The Lua script of each process's sweep: it renews the process's lease, ends what others left
// behind, and finds changes that nobody has notified.
import { common } from './membership-scripts.ts';

/**
 * KEYS: leases. ARGV: ..., process, lease ms, silent ms, rooms max, untold ms, untold max, diff ms,
 * diffs max, names max, then alternating fields of `untold` or rooms after `/`, and ids of changes
 * that are confirmed.
 * Returns 1 if this process was taken for dead or silent, 1 if there is more to do, `untold` as
 * above, and for each diff: room, id, number of members, 1 if all changes are named, then
 * alternating users and '' for who has left, otherwise `+` and the presence.
 */
export const sweepLua = `${common}
local ages, diffs = prefix .. 'untold-since', prefix .. 'diffs'
local function confirm(field, id)
  local before = redis.call('HGET', prefix .. 'untold', field)
  local rest, found = {}, false
  for _, change in ipairs(decode(before)) do
    if found then rest[#rest + 1] = change end
    found = found or change[1] == id
  end
  if not found then return end
  if #rest > 0 then redis.call('HSET', prefix .. 'untold', field, cjson.encode(rest)) return end
  redis.call('HDEL', prefix .. 'untold', field)
  redis.call('ZREM', ages, field)
end
local function confirmDiff(room, id)
  local changed = prefix .. 'changed:' .. room
  if redis.call('HGET', prefix .. 'telling', room) ~= id then return end
  redis.call('HDEL', prefix .. 'telling', room)
  redis.call('ZREMRANGEBYSCORE', changed, '-inf', id)
  if redis.call('EXISTS', changed) == 0 then redis.call('ZREM', diffs, room) return end
  local reservedUntil = redis.call('ZSCORE', diffs, room) or now + ARGV[9]
  redis.call('ZADD', diffs, reservedUntil - ARGV[9] + ARGV[11], room)
end
for i = 14, #ARGV, 2 do
  local key = ARGV[i]
  if string.sub(key, 1, 1) == '/' then confirmDiff(string.sub(key, 2), ARGV[i + 1])
  else confirm(key, ARGV[i + 1]) end
end
local own = 'p ' .. ARGV[5]
local expires = redis.call('ZSCORE', leases, own)
local forgotten = not expires or expires - ARGV[6] < now - ARGV[7]
redis.call('ZADD', leases, now + ARGV[6], own)
-- Beyond what can be due later are those from before the clock was set back.
local function dueOf(key, upTo, beyond, count)
  local due = redis.call('ZRANGE', key, '-inf', upTo, 'BYSCORE', 'LIMIT', 0, count)
  local stuck = redis.call('ZRANGE', key, '(' .. beyond, '+inf', 'BYSCORE', 'LIMIT', 0, count)
  for _, name in ipairs(stuck) do due[#due + 1] = name end
  return due
end
local old = dueOf(ages, now - ARGV[9], now, ARGV[10])
for _, field in ipairs(old) do
  redis.call('ZADD', ages, now, field)
  untold[#untold + 1] = field
  untold[#untold + 1] = redis.call('HGET', prefix .. 'untold', field)
end
local budget = tonumber(ARGV[8])
local function finishOne(sid, holder, seenAt)
  local session = load(sid)
  budget = budget - 1 - session.count
  if session.user and session.holder == holder then
    finish(sid, session, session.epoch, holder ~= '', seenAt)
  elseif holder == '' then redis.call('ZREM', leases, 's ' .. sid)
  else redis.call('HDEL', prefix .. 'held:' .. holder, sid) end
end
local function finishProcess(process)
  local held = prefix .. 'held:' .. process
  local seenAt = redis.call('ZSCORE', leases, 'p ' .. process) - ARGV[6]
  local sids = redis.call('HRANDFIELD', held, budget)
  for _, sid in ipairs(sids) do
    if budget <= 0 then return end
    finishOne(sid, process, seenAt)
  end
  if redis.call('EXISTS', held) == 0 then redis.call('ZREM', leases, 'p ' .. process) end
end
local function finishEnded(sid)
  local session = load(sid)
  budget = budget - 1 - session.count
  if session.user and not isAlone(session, ARGV[6], ARGV[7]) then
    redis.call('ZADD', leases, now + ARGV[7], 'e ' .. sid)
    return
  end
  redis.call('ZREM', leases, 'e ' .. sid)
  if session.user then finish(sid, session, session.epoch, true) end
end
local finishers = {s = function(sid) finishOne(sid, '') end, e = finishEnded, p = finishProcess}
local due = redis.call('ZRANGE', leases, '-inf', now, 'BYSCORE', 'LIMIT', 0, budget)
for _, lease in ipairs(due) do
  if budget <= 0 then break end
  finishers[string.sub(lease, 1, 1)](string.sub(lease, 3))
end
local function diffOf(room)
  local changed, members = prefix .. 'changed:' .. room, prefix .. 'members:' .. room
  local id = redis.call('HGET', prefix .. 'telling', room)
    or redis.call('ZRANGE', changed, 0, 0, 'REV', 'WITHSCORES')[2]
  redis.call('HSET', prefix .. 'telling', room, id)
  redis.call('ZADD', diffs, now + ARGV[9], room)
  local users = redis.call('ZRANGE', changed, '-inf', id, 'BYSCORE', 'LIMIT', 0, ARGV[13] + 1)
  local isComplete = #users <= tonumber(ARGV[13])
  local diff = {room, id, redis.call('ZCARD', members), isComplete and 1 or 0}
  if not isComplete then users[#users] = nil end
  for _, user in ipairs(users) do
    local present = redis.call('ZSCORE', members, user)
    diff[#diff + 1] = user
    diff[#diff + 1] = present and '+' .. presenceOf(room, user) or ''
  end
  return diff
end
local rooms = dueOf(diffs, now, now + ARGV[9] + ARGV[11], ARGV[12])
local told = {}
for _, room in ipairs(rooms) do told[#told + 1] = diffOf(room) end
local more = budget <= 0 or #rooms >= tonumber(ARGV[12])
return {forgotten and 1 or 0, more and 1 or 0, untold, told}`;
