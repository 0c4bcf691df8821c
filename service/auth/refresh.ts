// `refresh_token`: the socket stays open until the new token expires.
import { z } from 'zod';
import { defineEvent } from '../protocol/events.ts';
import { refusal } from '../protocol/refusals.ts';
import { adminOnly } from './admin.ts';
import { refuseToken, type Verify } from './tokens.ts';

interface App {
  verify: Verify;
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
    if (!verdict.ok) return reply(refuseToken(verdict));
    const { user, expiresAt } = verdict.data;
    if (user.id !== socket.data.user.id) {
      return reply(refusal('invalid_token', 'the token belongs to another user'));
    }
    const code = adminOnly(socket.nsp.name, user);
    if (code) return reply(refusal(code));
    Object.assign(socket.data, verdict.data);
    reply({ ok: true, expiresAt });
  },
);
