// POST /v1/revoke: tokens of a user that were issued before a time are refused from now on, their
// sockets closed and their sessions lost, on every replica.
import { z } from 'zod';
import { nameSchema } from '../protocol/identity.ts';
import type { CommandParts } from './disconnect.ts';
import { type Endpoint, routeOf } from './endpoint.ts';

export const revokeEndpoint = {
  name: 'POST /v1/revoke',
  summary: 'Refuses tokens of a user that were issued before a time, and closes their sockets',
  body: z.strictObject({
    userId: nameSchema,
    before: z
      .int()
      .nonnegative()
      .optional()
      .describe('epoch milliseconds, not in the future; now if not given'),
  }),
  status: 202,
  answer: z.object({ userId: z.string(), before: z.int() }),
} as const satisfies Endpoint;

export const revokeRoute = ({ issueCommand }: CommandParts) =>
  routeOf(revokeEndpoint, async ({ body }) => {
    const before = Math.min(body.before ?? Number.POSITIVE_INFINITY, Date.now());
    await issueCommand({ type: 'revoke', userId: body.userId, before });
    return { userId: body.userId, before };
  });
