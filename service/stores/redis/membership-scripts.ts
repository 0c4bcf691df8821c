// The Lua scripts of memberships. All keys have one hash tag; scripts build their names from the
// prefix.
//
// <prefix>room:<room>: sorted set, user -> number of sessions.
// <prefix>session:<sid>: hash, epoch, user, holder ('' while it waits), and a field `/<room>` for
//   each room. A session that ended may leave its epoch behind, so that a late write is refused.
// <prefix>leases: sorted set by expiry, `p <process>` and, for waiting sessions, `s <sid>`.
// <prefix>held:<process>: hash, the sessions of a process. <prefix>user:<user>: those of a user.
// <prefix>ended:<sid>: the session may not be recovered.
// <prefix>untold: hash, JSON of room and user -> JSON of the changes; `untold-since`: its ages.
//
// ARGV of all: prefix, TTL in ms of what ended sessions leave behind.

const common = `
local leases, prefix, keepMs = KEYS[1], ARGV[1], ARGV[2]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local untold = {}
local function text(number) return string.format('%.0f', number) end
local function sessionKey(sid) return prefix .. 'session:' .. sid end
local function note(type, room, user, sid)
  local field = cjson.encode({room, user})
  local before = redis.call('HGET', prefix .. 'untold', field)
  local list = before and cjson.decode(before) or {}
  local count = redis.call('HINCRBY', prefix .. 'counters', 'changes', 1)
  list[#list + 1] = {text(now) .. '-' .. text(count), type, sid}
  redis.call('HSET', prefix .. 'untold', field, cjson.encode(list))
  if not before then redis.call('ZADD', prefix .. 'untold-since', now, field) end
  untold[#untold + 1] = field
  untold[#untold + 1] = cjson.encode(list)
end
local function load(sid)
  local fields = redis.call('HGETALL', sessionKey(sid))
  local session = {rooms = {}, count = 0}
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 1) ~= '/' then session[fields[i]] = fields[i + 1]
    else
      session.rooms[string.sub(fields[i], 2)] = true
      session.count = session.count + 1
    end
  end
  return session
end
local function enter(sid, user, room, loud)
  redis.call('HSET', sessionKey(sid), '/' .. room, '')
  local count = redis.call('ZINCRBY', prefix .. 'room:' .. room, 1, user)
  if loud and tonumber(count) == 1 then note('joined', room, user, sid) end
end
local function leave(sid, user, room)
  redis.call('HDEL', sessionKey(sid), '/' .. room)
  local key = prefix .. 'room:' .. room
  if tonumber(redis.call('ZINCRBY', key, -1, user)) > 0 then return end
  redis.call('ZREM', key, user)
  note('left', room, user, sid)
end
local function release(sid, session)
  if session.holder == '' then redis.call('ZREM', leases, 's ' .. sid)
  elseif session.holder then redis.call('HDEL', prefix .. 'held:' .. session.holder, sid) end
end
local function finish(sid, session, epoch, dead)
  for room in pairs(session.rooms) do leave(sid, session.user, room) end
  release(sid, session)
  redis.call('HDEL', prefix .. 'user:' .. session.user, sid)
  redis.call('DEL', sessionKey(sid))
  if not dead and tonumber(epoch) == 1 then return end
  redis.call('HSET', sessionKey(sid), 'epoch', epoch)
  redis.call('PEXPIRE', sessionKey(sid), keepMs)
end`;

/**
 * Writes sessions. KEYS: leases. ARGV: ..., process, lease ms, window ms, then for each session:
 * socket id, epoch, user, owner, state, number of rooms, rooms, each after `+` if it is new.
 * Returns 1 if this process was not registered, the outcomes, and alternating fields of `untold`
 * and their changes.
 */
export const writeLua = `${common}
local process, windowMs = ARGV[3], tonumber(ARGV[5])
local registered = redis.call('ZADD', leases, 'NX', now + ARGV[4], 'p ' .. process)
local function outdated(sid, user, owner)
  local at = redis.call('HGET', prefix .. 'cutoffs:' .. user, 'ended')
  if owner ~= user .. (at and '\\n' .. at or '') then return true end
  return redis.call('EXISTS', prefix .. 'ended:' .. sid) == 1
end
local function place(sid, session, holder)
  if session.holder == holder and holder ~= '' then return end
  release(sid, session)
  if holder == '' then redis.call('ZADD', leases, now + windowMs, 's ' .. sid)
  else redis.call('HSET', prefix .. 'held:' .. holder, sid, '') end
  redis.call('HSET', sessionKey(sid), 'holder', holder)
end
local function write(sid, epoch, user, owner, state, rooms)
  local session = load(sid)
  if session.epoch and tonumber(session.epoch) > tonumber(epoch) then return 'taken' end
  local asked = state == 'claimed' or state == 'waiting'
  local refused = asked and outdated(sid, user, owner)
  if refused or state == 'ended' or #rooms == 0 then
    if session.user then finish(sid, session, epoch, false) end
    return refused and 'refused' or 'ok'
  end
  local ended = session.epoch and not session.user
  if ended then redis.call('DEL', sessionKey(sid)) end
  redis.call('HSET', sessionKey(sid), 'epoch', epoch, 'user', user)
  redis.call('HSET', prefix .. 'user:' .. user, sid, '')
  local keep = {}
  for _, mark in ipairs(rooms) do
    local room = string.sub(mark, 2)
    keep[room] = true
    local loud = ended or string.sub(mark, 1, 1) == '+'
    if not session.rooms[room] then enter(sid, user, room, loud) end
  end
  for room in pairs(session.rooms) do
    if not keep[room] then leave(sid, user, room) end
  end
  place(sid, session, state == 'waiting' and '' or process)
  return 'ok'
end
local outcomes, at = {}, 6
while at <= #ARGV do
  local rooms, count = {}, tonumber(ARGV[at + 5])
  for i = 1, count do rooms[i] = ARGV[at + 5 + i] end
  outcomes[#outcomes + 1] =
    write(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], rooms)
  at = at + 6 + count
end
return {registered, outcomes, untold}`;

/**
 * KEYS: leases. ARGV: ..., process, lease ms, silent ms, rooms max, untold ms, untold max, then
 * alternating fields of `untold` and ids of changes that are confirmed.
 * Returns 1 if this process was taken for dead or silent, 1 if there is more to do, then as above.
 */
export const sweepLua = `${common}
local ages = prefix .. 'untold-since'
local function confirm(field, id)
  local before = redis.call('HGET', prefix .. 'untold', field)
  local rest, found = {}, false
  for _, change in ipairs(before and cjson.decode(before) or {}) do
    if found then rest[#rest + 1] = change end
    found = found or change[1] == id
  end
  if not found then return end
  if #rest > 0 then redis.call('HSET', prefix .. 'untold', field, cjson.encode(rest)) return end
  redis.call('HDEL', prefix .. 'untold', field)
  redis.call('ZREM', ages, field)
end
for i = 9, #ARGV, 2 do confirm(ARGV[i], ARGV[i + 1]) end
local own = 'p ' .. ARGV[3]
local expires = redis.call('ZSCORE', leases, own)
local forgotten = not expires or expires - ARGV[4] < now - ARGV[5]
redis.call('ZADD', leases, now + ARGV[4], own)
local old = redis.call('ZRANGE', ages, '-inf', now - ARGV[7], 'BYSCORE', 'LIMIT', 0, ARGV[8])
for _, field in ipairs(old) do
  redis.call('ZADD', ages, now, field)
  untold[#untold + 1] = field
  untold[#untold + 1] = redis.call('HGET', prefix .. 'untold', field)
end
local budget = tonumber(ARGV[6])
local function finishOne(sid, holder)
  local session = load(sid)
  budget = budget - 1 - session.count
  if session.user and session.holder == holder then
    finish(sid, session, session.epoch, holder ~= '')
  elseif holder == '' then redis.call('ZREM', leases, 's ' .. sid)
  else redis.call('HDEL', prefix .. 'held:' .. holder, sid) end
end
local function finishProcess(process)
  local held = prefix .. 'held:' .. process
  local sids = redis.call('HRANDFIELD', held, budget)
  for _, sid in ipairs(sids) do
    if budget <= 0 then return end
    finishOne(sid, process)
  end
  if redis.call('EXISTS', held) == 0 then redis.call('ZREM', leases, 'p ' .. process) end
end
local due = redis.call('ZRANGE', leases, '-inf', now, 'BYSCORE', 'LIMIT', 0, budget)
for _, lease in ipairs(due) do
  if budget <= 0 then break end
  local name = string.sub(lease, 3)
  if string.sub(lease, 1, 1) == 's' then finishOne(name, '') else finishProcess(name) end
end
return {forgotten and 1 or 0, budget <= 0 and 1 or 0, untold}`;

/**
 * Ends the sessions of users and socket ids. KEYS: leases. ARGV: ..., lease ms, silent ms, rooms
 * max, TTL of a cutoff in ms, 1 in the first call, number of users, users, socket ids.
 * Returns 1 if there is more to do, then as above, and in the first call the cutoff of each user.
 */
export const endLua = `${common}
local budget, users = tonumber(ARGV[5]), tonumber(ARGV[8])
local function isAlone(session)
  if session.holder == '' then return true end
  local expires = redis.call('ZSCORE', leases, 'p ' .. session.holder)
  return not expires or expires - ARGV[3] < now - ARGV[4]
end
local function finishAlone(sid)
  local session = load(sid)
  if not session.user or not isAlone(session) then return end
  budget = budget - 1 - session.count
  finish(sid, session, session.epoch, true)
end
local cutoffs = {}
local function cut(user)
  local key = prefix .. 'cutoffs:' .. user
  local before = tonumber(redis.call('HGET', key, 'ended') or '0')
  cutoffs[#cutoffs + 1] = text(math.max(now, before + 1))
  redis.call('HSET', key, 'ended', cutoffs[#cutoffs])
  redis.call('PEXPIRE', key, ARGV[6])
end
for i = 9, #ARGV do
  local name = ARGV[i]
  if i <= 8 + users then
    if ARGV[7] == '1' then cut(name) end
    local sids = redis.call('HGETALL', prefix .. 'user:' .. name)
    for j = 1, #sids, 2 do
      if budget <= 0 then break end
      finishAlone(sids[j])
    end
  else
    if ARGV[7] == '1' then redis.call('SET', prefix .. 'ended:' .. name, '1', 'PX', keepMs) end
    finishAlone(name)
  end
end
return {budget <= 0 and 1 or 0, untold, cutoffs}`;
