// Joining and leaving rooms, and who the others there see come and go.
import type { Services } from '../application.ts';
import {
  type MooringServer,
  type MooringSocket,
  type Reply,
  refusal,
  roomName,
} from '../protocol.ts';
import { createDepartures } from './departures.ts';

const joinHistoryMax = 100;

type Answer = (reply: Reply) => void;

export function createRooms(io: MooringServer, services: Services) {
  const { presence, log } = services;
  const left = (roomId: string, userId: string) => {
    io.to(roomName(roomId)).emit('user_left', { roomId, userId });
  };
  const departures = createDepartures(services, left);

  return {
    join: (socket: MooringSocket) => (roomId: string, reply: Answer) =>
      join(socket, roomId, reply, services),

    leave: (socket: MooringSocket) => async (roomId: string, reply: Answer) => {
      const room = roomName(roomId);
      const joined = socket.rooms.has(room);
      await socket.leave(room);
      reply({ ok: true, roomId });
      if (joined) await departures.now(roomId, socket.data.user.id);
    },

    typing:
      (socket: MooringSocket) =>
      ({ roomId }: { roomId: string }, reply: Answer) => {
        const room = roomName(roomId);
        if (!socket.rooms.has(room)) return reply(refusal('not_in_room'));
        const typing = { roomId, userId: socket.data.user.id };
        socket.to(room).volatile.emit('user_typing', typing);
        reply({ ok: true });
      },

    disconnected(socket: MooringSocket, reason: string) {
      for (const roomId of joinedRooms(socket)) {
        departures.after(reason, { roomId, userId: socket.data.user.id, socketId: socket.id });
      }
    },

    /** It is counted still where its departure waits; elsewhere it is counted anew. */
    recovered(socket: MooringSocket) {
      if (departures.cancel(socket.id)) return;
      for (const roomId of joinedRooms(socket)) {
        presence.enter(roomId, socket.data.user.id).catch((error: unknown) => {
          log.warn({ err: error, socketId: socket.id }, 'presence misses a recovered socket');
        });
      }
    },

    close: departures.close,
  };
}

async function join(socket: MooringSocket, roomId: string, reply: Answer, services: Services) {
  const { access, history, presence, limits } = services;
  const room = roomName(roomId);
  const { user } = socket.data;
  const allowed = await access(user, roomId);
  if (!allowed.ok) return reply(allowed);
  if (!socket.connected) return; // it left while access was asked for
  const joined = socket.rooms.has(room);
  if (!joined && joinedRooms(socket).length >= limits.roomsPerSocketMax) {
    return reply(refusal('too_many_rooms'));
  }
  if (!joined) await enter(socket, roomId, services);
  const [{ messages }, members] = await Promise.all([
    history.read(roomId, { limit: joinHistoryMax }),
    presence.members(roomId),
  ]);
  socket.emit('room_history', messages);
  reply({ ok: true, roomId, history: messages, members });
  if (!joined && socket.rooms.has(room))
    socket.to(room).emit('user_joined', { roomId, userId: user.id });
}

/** In the room and counted there, or neither. */
async function enter(socket: MooringSocket, roomId: string, { presence }: Services) {
  await socket.join(roomName(roomId)); // before the history is read: what comes now is live
  try {
    await presence.enter(roomId, socket.data.user.id);
  } catch (error) {
    await socket.leave(roomName(roomId));
    throw error;
  }
}

function joinedRooms(socket: MooringSocket): string[] {
  const prefix = roomName('');
  return [...socket.rooms].flatMap((room) =>
    room.startsWith(prefix) ? room.slice(prefix.length) : [],
  );
}
