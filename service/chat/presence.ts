// Who is in a room and what they show there: sets it, lists it, and notifies the members.
import { z } from 'zod';
import type { Services } from '../application/index.ts';
import { defineEvent, pageSchema, presenceSchema, roomSchema } from '../protocol/events.ts';
import { type MooringServer, userIdSchema } from '../protocol/identity.ts';
import { refusal } from '../protocol/refusals.ts';
import { roomName } from '../protocol/rooms.ts';

type Parts = Pick<Services, 'presence'>;

const setPerSecondMax = 1;

export const setPresence = defineEvent(
  'set_presence',
  roomSchema.extend({ presence: presenceSchema.nullable() }),
  {
    description:
      'Sets what the members of a room see of the user, until the socket leaves the room; `null` ' +
      'removes it. Sends `user_updated` to the others. Of several sockets of a user the last one ' +
      'that set it counts.',
    limit: { perSecondMax: setPerSecondMax },
    answer: roomSchema,
  },
  async ({ roomId, presence: shown }, reply, socket, { presence }: Parts) => {
    const isSet = await presence.set(socket, roomId, shown ?? undefined);
    reply(isSet ? { ok: true, roomId } : refusal('not_in_room'));
  },
);

export const listMembers = defineEvent(
  'members',
  roomSchema.extend({
    after: userIdSchema.optional().describe('Only members whose id comes after this one'),
    limit: z.int().min(1).max(1000).default(100),
  }),
  {
    description: 'Returns members of a room, by user id, and their number.',
    answer: pageSchema,
  },
  async ({ roomId, ...query }, reply, socket, { presence }: Parts) => {
    if (!socket.rooms.has(roomName(roomId))) return reply(refusal('not_in_room'));
    reply({ ok: true, roomId, ...(await presence.page(roomId, query)) });
  },
);

/** Notifies members of changes: each one, or once a second what has changed in a large room. */
export function announceChanges(io: MooringServer, { presence }: Parts): void {
  presence.onChange(({ type, roomId, userId, sid, presence: shown }, publish) => {
    const others = io.to(roomName(roomId)).except(sid);
    if (type === 'left') return publish(others, 'user_left', { roomId, userId });
    const member = { roomId, userId, ...(shown && { presence: shown }) };
    if (type === 'joined') return publish(others, 'user_joined', member);
    return publish(others, 'user_updated', member);
  });
  presence.onDiff((diff, publish) => {
    const room = io.to(roomName(diff.roomId));
    return publish(room, 'presence_diff', diff);
  });
}
