// POST /v1/revoke: on every replica, refuses a user's tokens that were issued before a given time,
// closes their sockets and deletes their sessions.
import { z } from 'zod';
import { userIdSchema } from '../protocol/identity.ts';
import type { CommandParts } from './disconnect.ts';
import { type Endpoint, routeOf } from './endpoint.ts';

export const revokeEndpoint = {
  name: 'POST /v1/revoke',
  summary: "Revokes a user's tokens that were issued before a given time and closes their sockets",
  scope: 'moderate',
  body: z.strictObject({
    userId: userIdSchema,
    before: z
      .int()
      .nonnegative()
      .optional()
      .describe('epoch milliseconds; defaults to now, which is also the maximum'),
  }),
  status: 202,
  answer: z.object({ userId: z.string(), before: z.int() }),
} as const satisfies Endpoint;

export const revokeRoute = ({ issueCommand, now }: CommandParts & { now(): number }) =>
  routeOf(
    revokeEndpoint,
    async ({ body }) => {
      const before = Math.min(body.before ?? Number.POSITIVE_INFINITY, Math.floor(now()));
      await issueCommand({ type: 'revoke', userId: body.userId, before });
      return { userId: body.userId, before };
    },
    ({ body }) => body,
  );
