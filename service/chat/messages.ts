// Sending to a room, and reading what was sent.
import type { z } from 'zod';
import type { Services } from '../application/index.ts';
import type { payloads } from '../protocol/events.ts';
import type { MooringServer, MooringSocket } from '../protocol/identity.ts';
import { type Reply, refusal } from '../protocol/refusals.ts';
import { roomName } from '../protocol/rooms.ts';

type Payload<E extends keyof typeof payloads> = z.output<(typeof payloads)[E]>;
type Answer = (reply: Reply) => void;

export function sendMessage(
  io: MooringServer,
  socket: MooringSocket,
  { history, limits }: Services,
) {
  return async (payload: Payload<'send_message'>, reply: Answer) => {
    const room = roomName(payload.roomId);
    if (!socket.rooms.has(room)) return reply(refusal('not_in_room'));
    if (Buffer.byteLength(payload.text) > limits.messageBytesMax) {
      return reply(refusal('invalid_payload', `text has over ${limits.messageBytesMax} bytes`));
    }
    const draft = { ...payload, userId: socket.data.user.id };
    const { message } = await history.publish(io.to(room), 'new_message', draft);
    reply({ ok: true, message });
  };
}

export function readHistory(socket: MooringSocket, { history }: Services) {
  return async ({ roomId, ...query }: Payload<'history'>, reply: Answer) => {
    if (!socket.rooms.has(roomName(roomId))) return reply(refusal('not_in_room'));
    reply({ ok: true, ...(await history.read(roomId, query)) });
  };
}
