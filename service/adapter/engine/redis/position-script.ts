// The first part of Lua scripts that use positions. Redis runs each script atomically. Ids are
// microseconds by its clock, from one sequence.

export interface Script {
  lua: string;
}

/**
 * Defines `now`, the time; `last`, the newest id that was assigned or read; and `text`, which
 * formats an id. KEYS: sequence, clock, low watermark. Without a sequence, Redis is new or has lost
 * its data, so nothing from before may be restored.
 */
export const position = `
local function text(id) return string.format('%.0f', id) end
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local marks = redis.call('MGET', KEYS[1], KEYS[2])
if not marks[1] then
  redis.call('SET', KEYS[1], text(now))
  redis.call('SET', KEYS[3], text(now))
end
local last = math.max(tonumber(marks[1]) or now, tonumber(marks[2]) or 0)
`;

/** Like `position`, and raises `last` to the clock, so that positions do not age in quiet times. */
export const advance = `${position}
if now > last then
  last = now
  redis.call('SET', KEYS[2], text(last))
end
`;
