// The Lua scripts of memberships. All keys have one hash tag; scripts build their names from the
// prefix.
//
// <prefix>members:<room>: sorted set of users, all with the score 0, which makes pages stable.
// <prefix>further:<room>: hash, user -> number of sessions beside the first one.
// <prefix>presence:<room>: hash, user -> what the room sees of the user, as in a session.
// <prefix>session:<sid>: hash, epoch, user, holder ('' while it waits), and a field `/<room>` for
//   each room: '', or the number of the change, a space and the JSON of what the session shows.
//   A session that ended may leave its epoch behind, so that a late write is refused.
// <prefix>leases: sorted set by expiry, `p <process>`, for waiting sessions `s <sid>`, and
//   `e <sid>` for sessions that were ended, which their process has to do unless it is dead.
// <prefix>held:<process>: hash, the sessions of a process. <prefix>user:<user>: those of a user.
// <prefix>ended:<sid>: the session may not be recovered. <prefix>seen:<user>: epoch ms.
// <prefix>untold: hash, JSON of room and user -> JSON of the changes; `untold-since`: its ages.
// <prefix>changed:<room>: sorted set, the users of a large room that changed, by change number.
// <prefix>diffs: sorted set, rooms with such users, by when their next diff is due;
//   `telling`: hash, room -> last change number of the diff that is not confirmed.
//
// ARGV of all: prefix, TTL in ms of what ended sessions leave behind, members of a large room - 1,
// TTL of the time at which a user was seen.

export const common = `
local leases, prefix, keepMs = KEYS[1], ARGV[1], ARGV[2]
local eventsMembersMax, seenMs = tonumber(ARGV[3]), ARGV[4]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local untold = {}
local function text(number) return string.format('%.0f', number) end
local function sessionKey(sid) return prefix .. 'session:' .. sid end
local function numberChange()
  return text(redis.call('HINCRBY', prefix .. 'counters', 'changes', 1))
end
local function shown(stored) return stored and string.match(stored, '^%d+ (.*)$') or '' end
local function presenceOf(room, user)
  return shown(redis.call('HGET', prefix .. 'presence:' .. room, user))
end
local function isLarge(room)
  if redis.call('ZCARD', prefix .. 'members:' .. room) > eventsMembersMax then return true end
  return redis.call('EXISTS', prefix .. 'changed:' .. room) == 1
end
local function decode(text) -- what is broken is forgotten
  local ok, list = pcall(cjson.decode, text or '[]')
  return ok and type(list) == 'table' and list or {}
end
local function note(change, room, user, sid)
  local field, number = cjson.encode({room, user}), numberChange()
  local before = redis.call('HGET', prefix .. 'untold', field)
  if not before and isLarge(room) then
    redis.call('ZADD', prefix .. 'changed:' .. room, number, user)
    redis.call('ZADD', prefix .. 'diffs', 'NX', now, room)
    return
  end
  local list = decode(before)
  list[#list + 1] = {text(now) .. '-' .. number, change, sid, presenceOf(room, user)}
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
      session.rooms[string.sub(fields[i], 2)] = fields[i + 1]
      session.count = session.count + 1
    end
  end
  return session
end
local function newest(room, user)
  local best, found = 0, ''
  local sids = redis.call('HGETALL', prefix .. 'user:' .. user)
  for i = 1, #sids, 2 do
    local stored = redis.call('HGET', sessionKey(sids[i]), '/' .. room) or ''
    local number = tonumber(string.match(stored, '^%d+') or 0)
    if number > best then best, found = number, stored end
  end
  return found
end
local function show(room, user, sid, silent)
  local key, stored = prefix .. 'presence:' .. room, newest(room, user)
  local before = redis.call('HGET', key, user)
  if stored == '' then redis.call('HDEL', key, user) else redis.call('HSET', key, user, stored) end
  if not silent and shown(before) ~= shown(stored) then note('updated', room, user, sid) end
end
local function put(sid, room, presence)
  local stored = presence == '' and '' or numberChange() .. ' ' .. presence
  redis.call('HSET', sessionKey(sid), '/' .. room, stored)
end
local function enter(sid, user, room, loud, presence)
  put(sid, room, presence)
  local first = redis.call('ZADD', prefix .. 'members:' .. room, 'NX', 0, user) == 1
  if not first then redis.call('HINCRBY', prefix .. 'further:' .. room, user, 1) end
  if presence ~= '' then show(room, user, sid, first or not loud) end
  if first and loud then note('joined', room, user, sid) end
end
local function leave(sid, user, room, stored)
  redis.call('HDEL', sessionKey(sid), '/' .. room)
  local further = prefix .. 'further:' .. room
  local others = tonumber(redis.call('HGET', further, user) or 0)
  if others == 0 then
    redis.call('ZREM', prefix .. 'members:' .. room, user)
    redis.call('HDEL', prefix .. 'presence:' .. room, user)
    return note('left', room, user, sid)
  end
  if others == 1 then redis.call('HDEL', further, user)
  else redis.call('HINCRBY', further, user, -1) end
  if stored ~= '' then show(room, user, sid, false) end
end
local function see(user, at)
  if seenMs == '0' then return end
  redis.call('SET', prefix .. 'seen:' .. user, text(at), 'PX', seenMs)
end
local function release(sid, session)
  if session.holder == '' then redis.call('ZREM', leases, 's ' .. sid)
  elseif session.holder then redis.call('HDEL', prefix .. 'held:' .. session.holder, sid) end
end
local function finish(sid, session, epoch, dead, seenAt)
  if session.holder and session.holder ~= '' then see(session.user, seenAt or now) end
  for room, stored in pairs(session.rooms) do leave(sid, session.user, room, stored) end
  release(sid, session)
  redis.call('HDEL', prefix .. 'user:' .. session.user, sid)
  redis.call('DEL', sessionKey(sid))
  if not dead and tonumber(epoch) == 1 then return end
  redis.call('HSET', sessionKey(sid), 'epoch', epoch)
  redis.call('PEXPIRE', sessionKey(sid), keepMs)
end
local function isAlone(session, leaseMs, silentMs)
  if session.holder == '' then return true end
  local expires = redis.call('ZSCORE', leases, 'p ' .. session.holder)
  local renewedAt = expires and expires - leaseMs
  return not expires or renewedAt < now - silentMs or renewedAt > now -- the clock was set back
end`;

/**
 * Writes sessions. KEYS: leases. ARGV: ..., process, lease ms, window ms, then for each session:
 * socket id, epoch, user, owner, state, 1 if it keeps its presence, number of rooms, and for each
 * room its name, after `+` if it is new, and what the session shows there.
 * Returns 1 if this process was not registered, the outcomes, alternating fields of `untold` and
 * their changes, and for each session that keeps its presence alternating rooms and presences.
 */
export const writeLua = `${common}
local process, windowMs = ARGV[5], tonumber(ARGV[7])
local registered = redis.call('ZADD', leases, 'NX', now + ARGV[6], 'p ' .. process)
local function outdated(sid, user, owner)
  local at = redis.call('HGET', prefix .. 'cutoffs:' .. user, 'ended')
  if owner ~= user .. (at and '\\n' .. at or '') then return true end
  return redis.call('EXISTS', prefix .. 'ended:' .. sid) == 1
end
local function place(sid, session, user, holder)
  if session.holder == holder and holder ~= '' then return end
  release(sid, session)
  if holder == '' then
    redis.call('ZADD', leases, now + windowMs, 's ' .. sid)
    see(user, now)
  else redis.call('HSET', prefix .. 'held:' .. holder, sid, '') end
  redis.call('HSET', sessionKey(sid), 'holder', holder)
end
local function write(sid, epoch, user, owner, state, keeps, rooms)
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
  local kept = {}
  for i = 1, #rooms, 2 do
    local mark, room, presence = string.sub(rooms[i], 1, 1), string.sub(rooms[i], 2), rooms[i + 1]
    local stored = session.rooms[room]
    session.rooms[room] = nil
    if not stored then enter(sid, user, room, ended or mark == '+', presence)
    elseif keeps then
      if stored ~= '' then
        kept[#kept + 1] = room
        kept[#kept + 1] = shown(stored)
      end
    elseif shown(stored) ~= presence then
      put(sid, room, presence)
      show(room, user, sid, false)
    end
  end
  for room, stored in pairs(session.rooms) do leave(sid, user, room, stored) end
  place(sid, session, user, state == 'waiting' and '' or process)
  return 'ok', kept
end
local outcomes, allKept, at = {}, {}, 8
while at <= #ARGV do
  local rooms, count = {}, 2 * tonumber(ARGV[at + 6])
  for i = 1, count do rooms[i] = ARGV[at + 6 + i] end
  local keeps = ARGV[at + 5] == '1'
  local outcome, kept =
    write(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], keeps, rooms)
  outcomes[#outcomes + 1] = outcome
  if keeps then allKept[#allKept + 1] = kept or {} end
  at = at + 7 + count
end
return {registered, outcomes, untold, allKept}`;

/**
 * Ends the sessions of users and socket ids. KEYS: leases. ARGV: ..., lease ms, silent ms, rooms
 * max, TTL of a cutoff in ms, 1 in the first call, number of users, users, socket ids.
 * Returns 1 if there is more to do, `untold` as above, and in the first call the cutoff of each
 * user.
 */
export const endLua = `${common}
local budget, users = tonumber(ARGV[7]), tonumber(ARGV[10])
local function finishAlone(sid)
  local session = load(sid)
  if not session.user then return end
  if not isAlone(session, ARGV[5], ARGV[6]) then
    redis.call('ZADD', leases, now + ARGV[6], 'e ' .. sid) -- a process that just died seems alive
    return
  end
  budget = budget - 1 - session.count
  finish(sid, session, session.epoch, true)
end
local cutoffs = {}
local function cut(user)
  local key = prefix .. 'cutoffs:' .. user
  local before = tonumber(redis.call('HGET', key, 'ended') or '0')
  cutoffs[#cutoffs + 1] = text(math.max(now, before + 1))
  redis.call('HSET', key, 'ended', cutoffs[#cutoffs])
  redis.call('PEXPIRE', key, ARGV[8])
end
for i = 11, #ARGV do
  local name = ARGV[i]
  if i <= 10 + users then
    if ARGV[9] == '1' then cut(name) end
    local sids = redis.call('HGETALL', prefix .. 'user:' .. name)
    for j = 1, #sids, 2 do
      if budget <= 0 then break end
      finishAlone(sids[j])
    end
  else
    if ARGV[9] == '1' then redis.call('SET', prefix .. 'ended:' .. name, '1', 'PX', keepMs) end
    finishAlone(name)
  end
end
return {budget <= 0 and 1 or 0, untold, cutoffs}`;

/**
 * A page of the members of a room. KEYS: members. ARGV: key of the presences, user before the page,
 * number of members. Returns the number of all members, those of the page, and their presences.
 */
export const pageLua = `
local users = redis.call('ZRANGE', KEYS[1], ARGV[2] == '' and '-' or '(' .. ARGV[2], '+', 'BYLEX',
  'LIMIT', 0, ARGV[3])
local stored = {}
if #users > 0 and redis.call('EXISTS', ARGV[1]) == 1 then
  stored = redis.call('HMGET', ARGV[1], unpack(users))
end
for i, one in ipairs(stored) do stored[i] = one and string.match(one, '^%d+ (.*)$') or '' end
return {redis.call('ZCARD', KEYS[1]), users, stored}`;
