// GET /v1/users/{userId}: whether a user is connected, and with which sockets. It queries every
// replica, so do not call it on every page view; if one does not answer, the result is 503.
import { z } from 'zod';
import { type MooringServer, userIdSchema } from '../protocol/identity.ts';
import { Unavailable } from '../protocol/refusals.ts';
import { roomIdsOf, userRoom } from '../protocol/rooms.ts';
import type { Presence } from '../stores/presence.ts';
import { type Endpoint, routeOf } from './endpoint.ts';

export const userEndpoint = {
  name: 'GET /v1/users/:userId',
  summary: 'Whether a user is connected, with which sockets and in which rooms',
  scope: 'read',
  path: z.object({ userId: userIdSchema }),
  status: 200,
  answer: z.object({
    userId: z.string(),
    online: z.boolean(),
    sockets: z.array(z.object({ id: z.string(), rooms: z.array(z.string()) })),
    lastSeen: z
      .int()
      .optional()
      .describe('epoch milliseconds at which the user, now offline, was last connected in a room'),
  }),
} as const satisfies Endpoint;

export interface UserParts {
  io: MooringServer;
  presence: Pick<Presence, 'lastSeen'>;
}

export const userRoute = ({ io, presence }: UserParts) =>
  routeOf(userEndpoint, async ({ path: { userId } }) => {
    const found = await io
      .in(userRoom(userId))
      .fetchSockets()
      .catch((cause: unknown) => {
        throw new Unavailable('A replica did not answer', { cause });
      });
    const sockets = found.map(({ id, rooms }) => ({ id, rooms: roomIdsOf(rooms) }));
    const online = sockets.length > 0;
    const lastSeen = online ? undefined : await presence.lastSeen(userId);
    return { userId, online, sockets, ...(lastSeen !== undefined && { lastSeen }) };
  });
