// `refresh_token`: the socket stays open until the new token expires.
import { z } from 'zod';
import { defineEvent } from '../protocol/events.ts';
import { refusal } from '../protocol/refusals.ts';
import { adminOnly } from './admin.ts';
import type { Verdict } from './tokens.ts';

interface App {
  verify: (token: unknown) => Promise<Verdict>;
}

const mustBe = 'must be a token';

export const refreshToken = defineEvent(
  'refresh_token',
  z.string(mustBe).min(1, mustBe).meta({ title: 'token' }),
  {
    description:
      'Replaces the token on this namespace: the socket stays open until the new token expires.',
    answer: z.object({ expiresAt: z.int() }),
  },
  async (token, reply, socket, { verify }: App) => {
    const verdict = await verify(token);
    if (!verdict.ok) return reply(refusal(verdict.code));
    const { user, expiresAt } = verdict.data;
    if (user.id !== socket.data.user.id) {
      return reply(refusal('invalid_token', 'the token belongs to another user'));
    }
    const code = adminOnly(socket.nsp.name, user);
    if (code) return reply(refusal(code));
    const { sessionsEndedAt: _, ...refreshed } = verdict.data; // the session is as old as before
    Object.assign(socket.data, refreshed);
    reply({ ok: true, expiresAt });
  },
);
