// GET /v1/rooms/{roomId}/presence and /history: who is in a room, and its latest messages.
import { z } from 'zod';
import { messageSchema } from '../protocol/events.ts';
import { roomIdSchema } from '../protocol/identity.ts';
import type { History } from '../stores/history.ts';
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
  presence: Pick<Presence, 'members'>;
  history: Pick<History, 'read'>;
}

export const presenceRoute = ({ presence }: RoomParts) =>
  routeOf(presenceEndpoint, async ({ path: { roomId } }) => ({
    roomId,
    members: await presence.members(roomId),
  }));

export const historyRoute = ({ history }: RoomParts) =>
  routeOf(historyEndpoint, async ({ path: { roomId }, query }) => ({
    roomId,
    ...(await history.read(roomId, query)),
  }));
