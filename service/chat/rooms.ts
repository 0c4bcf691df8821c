// Joins and leaves rooms.
import { z } from 'zod';
import type { Services } from '../application/index.ts';
import { createRoomMutex } from '../lib/room-mutex.ts';
import { defineEvent, memberSchema, messageSchema, roomSchema } from '../protocol/events.ts';
import { type MooringSocket, roomIdSchema, type User, userIdSchema } from '../protocol/identity.ts';
import { type Answer, refusal } from '../protocol/refusals.ts';
import { roomIdsOf, roomName } from '../protocol/rooms.ts';
import { createSharedRead } from './shared-read.ts';

const joinHistoryMax = 100;
const joinMembersMin = 100;

export type Rooms = ReturnType<typeof createRooms>;

interface Parts {
  rooms: Rooms;
}

export const joinRoom = defineEvent(
  'join_room',
  roomIdSchema.meta({ title: 'roomId' }),
  {
    description:
      'Joins a room, if `ROOM_ACCESS` allows it: sends `room_history` to the socket, and ' +
      '`user_joined` to the others if the user has no other socket there.',
    answer: roomSchema.extend({
      history: z.array(messageSchema),
      members: z.array(userIdSchema).describe('User ids over all replicas; of a large room some'),
      count: z.int().describe('The number of members'),
      presences: z.array(memberSchema).describe('Those of `members` who have set a presence'),
    }),
  },
  (roomId, reply, socket, { rooms }: Parts) => rooms.join(socket, roomId, reply),
);

export const leaveRoom = defineEvent(
  'leave_room',
  roomIdSchema.meta({ title: 'roomId' }),
  {
    description:
      'Leaves a room: sends `user_left` to the others if the user has no other socket there.',
    answer: roomSchema,
  },
  (roomId, reply, socket, { rooms }: Parts) => rooms.leave(socket, roomId, reply),
);

export const notifyTyping = defineEvent(
  'typing',
  roomSchema,
  { description: 'Sends `user_typing` to the others in the room.' },
  ({ roomId }, reply, socket) => {
    const room = roomName(roomId);
    if (!socket.rooms.has(room)) return reply(refusal('not_in_room'));
    socket.to(room).volatile.emit('user_typing', { roomId, userId: socket.data.user.id });
    reply({ ok: true });
  },
);

export function createRooms(services: Services) {
  const mutex = createRoomMutex();
  const welcome = createWelcome(services);

  return {
    async join(socket: MooringSocket, roomId: string, reply: Answer) {
      const entered = await mutex.run(socket, roomId, () => enter(socket, roomId, services));
      if (entered?.ok) await welcome(socket, roomId, reply);
      else if (entered) reply(entered);
    },

    leave: (socket: MooringSocket, roomId: string, reply: Answer) =>
      mutex.run(socket, roomId, async () => {
        await services.presence.leave(socket, roomId);
        reply({ ok: true, roomId });
      }),
  };
}

/** Joins the socket to the room if access allows it and the socket is still connected. */
async function enter(socket: MooringSocket, roomId: string, services: Services) {
  const { access, presence, limits } = services;
  let user: User;
  do {
    user = socket.data.user;
    const allowed = await access(user, roomId);
    if (!allowed.ok) return allowed;
  } while (user !== socket.data.user); // the token was refreshed meanwhile
  if (!socket.connected) return undefined; // it disconnected during the access check
  const isNew = !socket.rooms.has(roomName(roomId));
  if (isNew && roomIdsOf(socket.rooms).length >= limits.roomsPerSocketMax) {
    return refusal('too_many_rooms');
  }
  await presence.join(socket, roomId); // before reading the history, so that none is missed
  return { ok: true } as const;
}

/** Returns a function that sends the room's history and members to the new member. */
function createWelcome({ history, presence, limits }: Services) {
  const { presenceEventsMembersMax } = limits;
  const limit = Math.max(joinMembersMin, presenceEventsMembersMax);
  const read = createSharedRead((roomId) =>
    Promise.all([
      history.read(roomId, { limit: joinHistoryMax }),
      presence.page(roomId, { limit }),
    ]),
  );
  return async (socket: MooringSocket, roomId: string, reply: Answer) => {
    const [{ messages }, { count, members }] = await read(roomId);
    // In a large room once is enough: to whom it asks for it, or to whom expects only the event.
    if (count <= presenceEventsMembersMax || !reply.isAwaited)
      socket.emit('room_history', messages);
    const presences = members.filter((member) => member.presence);
    const ids = members.map(({ userId }) => userId);
    reply({ ok: true, roomId, history: messages, members: ids, count, presences });
  };
}
