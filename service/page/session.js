// The session of a signed-in tab: applies server events to its rooms and sends the user's actions.
import { openConnection } from './connection.js';
import { compose, deliver, discard } from './delivery.js';
import { earlier, join, leave, restoreRooms } from './membership.js';
import {
  addMember,
  addMessage,
  applyDiff,
  createRoom,
  endAccess,
  markDisconnect,
  removeMember,
} from './rooms.js';

const typingMsMax = 4000;
const eventsMax = 50;
const noticesMax = 4;

// `page` has `changed()`, `opened()` after the first connect and `refused(message, session)`.
export function openSession(token, firstRooms, page) {
  const session = {
    rooms: new Map(firstRooms.map((id) => [id, createRoom(id)])),
    activeId: firstRooms[0] ?? '',
    announcements: [],
    notices: [],
    log: [],
    nextKey: 0,
    changed: page.changed,
  };
  session.connection = openConnection(token, {
    changed: page.changed,
    events: handlers(session),
    log: (direction, name) => logEvent(session, direction, name),
    connected: () => {
      if (session.connection.line.connects === 1) page.opened();
      restoreRooms(session);
      page.changed();
    },
    disconnected: () => {
      for (const room of session.rooms.values()) {
        markDisconnect(room, Date.now());
        room.typing.clear();
      }
      page.changed();
    },
    refused: (message) => {
      page.refused(message, session);
      page.changed();
    },
  });
  return session;
}

export function activeRoom(session) {
  return session?.rooms.get(session.activeId);
}

export function openRoom(session, roomId) {
  session.activeId = roomId;
  readActive(session);
  if (activeRoom(session)?.refusal) join(session, roomId);
}

export function readActive(session) {
  const room = activeRoom(session);
  if (room) room.unread = 0;
  session.changed();
}

export async function joinRoom(session, roomId) {
  const room = session.rooms.get(roomId);
  const answer = room?.joined ? { ok: true } : await join(session, roomId);
  if (answer.ok) openRoom(session, roomId);
  return answer;
}

export async function leaveRoom(session, roomId) {
  const answer = await leave(session, roomId);
  if (!answer.ok) notice(session, `Could not leave ${roomId}`, answer.error.message);
  else if (session.activeId === roomId) openRoom(session, [...session.rooms.keys()].at(-1) ?? '');
}

export function send(session, text) {
  const room = activeRoom(session);
  deliver(session.connection, room, compose(room, text), session.changed);
}

// Only while connected: after a reconnect it would be too late.
export function typing(session) {
  const { line, typing: send } = session.connection;
  if (line.state === 'connected' && activeRoom(session)?.joined) send(session.activeId);
}

export function retry(session, id) {
  const room = activeRoom(session);
  const delivery = room.outgoing.find((each) => each.id === id);
  if (delivery) deliver(session.connection, room, delivery, session.changed);
}

export function drop(session, id) {
  discard(activeRoom(session), id);
  session.changed();
}

export function loadEarlier(session) {
  const room = activeRoom(session);
  return room && earlier(session, room);
}

export function notice(session, title, text) {
  session.notices = [...session.notices, entry(session, { title, text })].slice(-noticesMax);
  session.changed();
}

export function dismiss(session, key) {
  session.notices = session.notices.filter((each) => each.key !== key);
  session.announcements = session.announcements.filter((each) => each.key !== key);
  session.changed();
}

function handlers(session) {
  const inRoom = (act) => (data) => {
    const room = session.rooms.get(data.roomId);
    if (room === undefined) return;
    act(room, data);
    session.changed();
  };
  return {
    new_message: inRoom((room, message) => {
      const isNew = addMessage(room, message);
      const seen = room.id === session.activeId && !document.hidden;
      const own = message.userId === session.connection.line.userId;
      if (isNew && !seen && !own) room.unread += 1;
    }),
    user_joined: inRoom(addMember),
    user_updated: inRoom(addMember),
    user_left: inRoom((room, { userId }) => removeMember(room, userId)),
    presence_diff: inRoom(applyDiff),
    access_ended: inRoom((room, { code }) => {
      endAccess(room, code);
      notice(session, `You left ${room.id}`, room.refusal);
    }),
    user_typing: inRoom((room, { userId }) => showTyping(session, room, userId)),
    announcement: (message) => {
      const shown = entry(session, { text: asText(message), at: Date.now() });
      session.announcements = [...session.announcements, shown].slice(-2);
      session.changed();
    },
    notification: (data) => notice(session, 'Notification', asText(data)),
    error: (text, details) => notice(session, text, details?.event ?? ''),
  };
}

// There is no event for the end of typing: the indicator lasts longer than the sender's interval.
function showTyping(session, room, userId) {
  const until = performance.now() + typingMsMax;
  room.typing.set(userId, until);
  setTimeout(() => {
    if (room.typing.get(userId) !== until) return;
    room.typing.delete(userId);
    session.changed();
  }, typingMsMax);
}

function logEvent(session, direction, name) {
  const logged = entry(session, { direction, name, at: Date.now() });
  session.log = [logged, ...session.log].slice(0, eventsMax);
  session.changed();
}

function entry(session, values) {
  session.nextKey += 1;
  return { key: String(session.nextKey), ...values };
}

function asText(data) {
  const text = typeof data === 'string' ? data : (data?.text ?? data?.message);
  return typeof text === 'string' ? text : JSON.stringify(data);
}
