// Sends messages to rooms, and reads their history.
import { z } from 'zod';
import type { Services } from '../application/index.ts';
import { defineEvent, idSchema, messageSchema, roomSchema } from '../protocol/events.ts';
import type { MooringServer } from '../protocol/identity.ts';
import { refusal } from '../protocol/refusals.ts';
import { roomName } from '../protocol/rooms.ts';

interface Parts extends Pick<Services, 'history' | 'limits'> {
  io: MooringServer;
  /** Takes bytes of the quota of a user, if that many are left. */
  takeBytes(userId: string, bytes: number): boolean;
}

const idInUse = 'id was used for another message within ten minutes';

export const sendMessage = defineEvent(
  'send_message',
  roomSchema.extend({
    text: z.string().min(1),
    id: idSchema
      .optional()
      .describe('The sender’s choice; the same id within ten minutes is delivered once'),
  }),
  {
    description: 'Sends `new_message` to the room and stores it in the history: both or neither.',
    answer: z.object({ message: messageSchema }),
  },
  async (payload, reply, socket, { io, history, limits, takeBytes }: Parts) => {
    const room = roomName(payload.roomId);
    if (!socket.rooms.has(room)) return reply(refusal('not_in_room'));
    if (Buffer.byteLength(payload.text) > limits.messageBytesMax) {
      return reply(refusal('invalid_payload', `text has over ${limits.messageBytesMax} bytes`));
    }
    const userId = socket.data.user.id;
    if (!takeBytes(userId, Buffer.byteLength(payload.text))) {
      return reply(refusal('rate_limited', 'the bytes of this hour are used'));
    }
    const draft = { ...payload, userId };
    const published = await history.publish(io.to(room), 'new_message', draft);
    if (!published.ok) return reply(refusal('invalid_payload', idInUse));
    reply({ ok: true, message: published.message });
  },
);

export const readHistory = defineEvent(
  'history',
  roomSchema.extend({
    before: z
      .union([idSchema, z.int().nonnegative()])
      .optional()
      .describe('A message’s id, or epoch milliseconds: only older messages are answered'),
    limit: z.int().min(1).max(1000).default(50),
  }),
  {
    description: 'Returns messages of a room, oldest first.',
    answer: z.object({ messages: z.array(messageSchema), more: z.boolean() }),
  },
  async ({ roomId, ...query }, reply, socket, { history }: Parts) => {
    if (!socket.rooms.has(roomName(roomId))) return reply(refusal('not_in_room'));
    reply({ ok: true, ...(await history.read(roomId, { ...query, reader: socket.data.user.id })) });
  },
);
