// GET /v1/rooms/{roomId}/presence, /members and /history: who is in a room, and the messages of it.
import { z } from 'zod';
import { messageSchema, pageSchema } from '../protocol/events.ts';
import { roomIdSchema, userIdSchema } from '../protocol/identity.ts';
import type { History } from '../stores/history.ts';
import { pageMembersMax } from '../stores/memberships.ts';
import type { Presence } from '../stores/presence.ts';
import { type Endpoint, routeOf } from './endpoint.ts';

const path = z.object({ roomId: roomIdSchema });
const text = z.string();

export const presenceEndpoint = {
  name: 'GET /v1/rooms/:roomId/presence',
  summary: 'The users in a room on all replicas, 1,000 at most',
  scope: 'read',
  path,
  status: 200,
  answer: z.object({ roomId: text, members: z.array(text) }),
} as const satisfies Endpoint;

export const membersEndpoint = {
  name: 'GET /v1/rooms/:roomId/members',
  summary: 'The users in a room on all replicas, page by page, and what they show there',
  scope: 'read',
  path,
  query: z.strictObject({
    after: userIdSchema
      .optional()
      .describe('only users whose id comes after this one: the last of the previous page'),
    limit: z.coerce.number().int().min(1).max(pageMembersMax).default(100),
  }),
  status: 200,
  answer: pageSchema,
} as const satisfies Endpoint;

const epochMs = /^\d{13}$/;

export const historyEndpoint = {
  name: 'GET /v1/rooms/:roomId/history',
  summary: 'The latest messages of a room, oldest first',
  scope: 'read',
  path,
  query: z.strictObject({
    before: z
      .string()
      .min(1)
      .max(128)
      .transform((value) => (epochMs.test(value) ? Number(value) : value))
      .optional()
      .describe('only messages older than this: a message id, or epoch milliseconds (13 digits)'),
    limit: z.coerce.number().int().min(1).max(1000).default(50),
  }),
  status: 200,
  answer: z.object({
    roomId: text,
    messages: z.array(messageSchema),
    more: z.boolean().describe('whether older messages exist'),
  }),
} as const satisfies Endpoint;

export interface RoomParts {
  presence: Pick<Presence, 'page'>;
  history: Pick<History, 'read'>;
}

export const presenceRoute = ({ presence }: RoomParts) =>
  routeOf(presenceEndpoint, async ({ path: { roomId } }) => {
    const { members } = await presence.page(roomId, { limit: pageMembersMax });
    return { roomId, members: members.map(({ userId }) => userId) };
  });

export const membersRoute = ({ presence }: RoomParts) =>
  routeOf(membersEndpoint, async ({ path: { roomId }, query }) => ({
    roomId,
    ...(await presence.page(roomId, query)),
  }));

export const historyRoute = ({ history }: RoomParts) =>
  routeOf(historyEndpoint, async ({ path: { roomId }, query }) => ({
    roomId,
    ...(await history.read(roomId, query)),
  }));
