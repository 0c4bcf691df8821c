// The state of a room in this tab: its messages in the server's order, without duplicates, and its
// members.

export const roomPattern = /^[\w.:@-]{1,128}$/;

export function createRoom(id) {
  return {
    id,
    joined: false,
    refusal: '',
    messages: [],
    outgoing: [],
    marks: [],
    members: new Map(), // user id -> what the user shows
    count: 0, // of all members; of a large room, only some are known
    typing: new Map(),
    unread: 0,
    more: false,
    loading: false,
    arrivedFrom: 0,
    disconnected: undefined,
  };
}

export function addMessage(room, message) {
  if (room.messages.some((known) => known.id === message.id)) return false;
  room.messages.push(message);
  room.typing.delete(message.userId);
  settle(room);
  return true;
}

// The server has taken this tab out of the room: opening it again asks to join.
export function endAccess(room, code) {
  room.joined = false;
  room.refusal = code === 'unavailable' ? 'Access could not be checked' : 'Access ended';
  room.members.clear();
  room.count = 0;
  room.typing.clear();
}

export function setMembers(room, { members, count, presences }) {
  room.members = new Map(members.map((userId) => [userId, undefined]));
  for (const { userId, presence } of presences) room.members.set(userId, presence);
  room.count = count;
}

export function addMember(room, { userId, presence }) {
  if (!room.members.has(userId)) room.count += 1;
  room.members.set(userId, presence);
}

export function removeMember(room, userId) {
  if (room.members.delete(userId) || room.count > room.members.size) room.count -= 1;
  room.typing.delete(userId);
}

export function applyDiff(room, { joined, left, presences, count }) {
  for (const userId of joined) addMember(room, { userId });
  for (const member of presences) addMember(room, member);
  for (const userId of left) removeMember(room, userId);
  room.count = count;
}

// Messages that arrive during a join may be newer than the history in its answer.
export function beginJoin(room) {
  room.arrivedFrom = room.messages.length;
}

// The server's page replaces its range. Older messages stay only if the two overlap: otherwise a
// gap would be invisible.
export function mergeHistory(room, page) {
  if (page.length === 0) return;
  const ids = new Set(page.map((message) => message.id));
  const older = room.messages.slice(0, room.arrivedFrom);
  const overlap = older.findIndex((message) => ids.has(message.id));
  const before = overlap < 0 ? [] : older.slice(0, overlap);
  const arrived = room.messages.slice(room.arrivedFrom).filter(({ id }) => !ids.has(id));
  room.messages = [...before, ...page, ...arrived];
  room.arrivedFrom = before.length + page.length;
  if (overlap < 0) room.more = true;
  settle(room);
}

export function prependHistory(room, page, more) {
  const known = new Set(room.messages.map((message) => message.id));
  const older = page.filter((message) => !known.has(message.id));
  room.messages = [...older, ...room.messages];
  room.arrivedFrom += older.length;
  room.more = more && older.length > 0;
}

// Removes outgoing messages that have arrived in the server's order.
export function settle(room) {
  const known = new Set(room.messages.map((message) => message.id));
  room.outgoing = room.outgoing.filter(({ id, sentId }) => !known.has(id) && !known.has(sentId));
}

export function markDisconnect(room, at) {
  if (room.disconnected) return;
  const afterId = room.messages.at(-1)?.id ?? '';
  room.disconnected = { at, afterId };
  room.marks.push({ kind: 'disconnected', at, afterId });
}

// Without missed messages one line is enough; otherwise two lines enclose the late messages.
export function markReconnect(room, at, recovered) {
  if (!room.disconnected) return;
  const { at: disconnectedAt, afterId } = room.disconnected;
  const caughtUp = room.messages.length - 1 - indexOf(room, afterId);
  const last = room.messages.at(-1)?.id ?? '';
  if (caughtUp === 0) room.marks.pop();
  room.marks.push({
    kind: 'reconnected',
    at,
    durationMs: at - disconnectedAt,
    afterId: last,
    recovered,
    caughtUp,
  });
  room.disconnected = undefined;
}

// Everything that the conversation shows, in order: days, messages, disconnects, outgoing messages.
export function timeline(room) {
  const entries = marksAfter(room, '');
  let previous;
  for (const message of room.messages) {
    const day = new Date(message.at).toDateString();
    const newDay = day !== previous?.day;
    if (newDay) entries.push({ key: `day ${day}`, kind: 'day', at: message.at });
    const follows =
      !newDay &&
      previous.message.userId === message.userId &&
      message.at - previous.message.at < followMsMax &&
      entries.at(-1).kind === 'message';
    entries.push({ key: `message ${message.id}`, kind: 'message', message, follows });
    entries.push(...marksAfter(room, message.id));
    previous = { day, message };
  }
  for (const delivery of room.outgoing) {
    entries.push({ key: `message ${delivery.id}`, kind: 'outgoing', delivery });
  }
  return entries;
}

const followMsMax = 5 * 60_000;

function indexOf(room, id) {
  return room.messages.findIndex((message) => message.id === id);
}

function marksAfter(room, id) {
  return room.marks
    .filter((mark) => mark.afterId === id)
    .map((mark) => ({ key: `${mark.kind} ${mark.at}`, kind: mark.kind, mark }));
}
