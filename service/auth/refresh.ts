// `refresh_token`: the socket stays open until the new token expires.
import { z } from 'zod';
import { defineEvent } from '../protocol/events.ts';
import { refusal } from '../protocol/refusals.ts';
import { adminOnly } from './admin.ts';
import type { RoomReview } from './room-review.ts';
import { refuseToken, type Verify } from './tokens.ts';

interface App {
  verify: Verify;
  replace: RoomReview['replace'];
}

const mustBe = 'must be a token';

export const refreshToken = defineEvent(
  'refresh_token',
  z.string(mustBe).min(1, mustBe).meta({ title: 'token' }),
  {
    description:
      'Replaces the token on this namespace: the socket stays open until the new token expires. ' +
      'Before the answer, it leaves the rooms that the new token does not cover.',
    answer: z.object({ expiresAt: z.int() }),
  },
  async (token, reply, socket, { verify, replace }: App) => {
    const verdict = await verify(token);
    if (!verdict.ok) return reply(refuseToken(verdict));
    const { user, expiresAt } = verdict.data;
    if (user.id !== socket.data.user.id) {
      return reply(refusal('invalid_token', 'the token belongs to another user'));
    }
    const code = adminOnly(socket.nsp.name, user);
    if (code) {
      reply(refusal(code));
      socket.disconnect();
      return;
    }
    const { sessionsEndedAt: _, ...refreshed } = verdict.data; // the session is as old as before
    const failed = await replace(socket, refreshed);
    if (failed) return reply(failed);
    reply({ ok: true, expiresAt });
  },
);
