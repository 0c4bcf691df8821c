// Joins and leaves rooms, and updates them after a reconnect without recovery.
import { deliverWaiting } from './delivery.js';
import {
  beginJoin,
  createRoom,
  markReconnect,
  mergeHistory,
  prependHistory,
  setMembers,
} from './rooms.js';

export const pageMessagesMax = 30;

export async function join(session, roomId) {
  const { connection, rooms, changed } = session;
  const known = rooms.get(roomId);
  const room = known ?? createRoom(roomId);
  // Add the room before the answer: messages may arrive first.
  rooms.set(roomId, room);
  beginJoin(room);
  const answer = await connection.request('join_room', roomId);
  if (answer.ok) {
    mergeHistory(room, answer.history);
    setMembers(room, answer);
    room.joined = true;
    room.refusal = '';
    deliverWaiting(connection, room, changed);
    if (answer.history.length < pageMessagesMax) earlier(session, room);
  } else {
    room.joined = false;
    if (answer.error.code !== 'not_connected') room.refusal = answer.error.message;
    if (known === undefined) rooms.delete(roomId);
  }
  changed();
  return answer;
}

export async function leave({ connection, rooms, changed }, roomId) {
  const answer = await connection.request('leave_room', roomId);
  if (answer.ok) rooms.delete(roomId);
  changed();
  return answer;
}

// A recovered session is still in its rooms and has received what it missed; any other joins again.
export async function restoreRooms(session) {
  const { recovered, connects } = session.connection.line;
  const at = Date.now();
  await Promise.all(
    [...session.rooms.values()].map(async (room) => {
      if (!recovered) room.joined = false;
      if (room.joined) deliverWaiting(session.connection, room, session.changed);
      else await join(session, room.id);
      const sameConnection = session.connection.line.connects === connects;
      if (sameConnection && session.connection.line.state === 'connected') {
        markReconnect(room, at, recovered === true);
      }
    }),
  );
  session.changed();
}

export async function earlier({ connection, changed }, room) {
  if (room.loading || !room.more || room.messages.length === 0) return;
  room.loading = true;
  changed();
  const before = room.messages[0].id;
  const answer = await connection.request('history', {
    roomId: room.id,
    before,
    limit: pageMessagesMax,
  });
  room.loading = false;
  if (answer.ok) prependHistory(room, answer.messages, answer.more);
  changed();
}
