// Refuses tokens that are valid by signature and expiry but that a backend has revoked.
import type { SocketData } from '../protocol/identity.ts';
import type { Verdict } from './tokens.ts';

type Verify = (token: unknown) => Promise<Verdict>;

/** @param revokedBefore a user's tokens issued before this time (epoch ms) are revoked; 0: none */
export function refuseRevoked(
  verify: Verify,
  revokedBefore: (userId: string) => Promise<number>,
): Verify {
  return async (token) => {
    const verdict = await verify(token);
    if (!verdict.ok) return verdict;
    const before = await revokedBefore(verdict.data.user.id);
    if (before === 0) return verdict;
    if (verdict.data.issuedAt < before) return { ok: false, code: 'invalid_token' };
    return { ok: true, data: { ...verdict.data, revokedBefore: before } satisfies SocketData };
  };
}
