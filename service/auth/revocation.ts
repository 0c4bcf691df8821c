// Tokens that their issuer still stands for, and a back end does not.
import type { SocketData } from '../protocol/identity.ts';
import type { Verdict } from './tokens.ts';

type Verify = (token: unknown) => Promise<Verdict>;

/** @param revokedBefore epoch milliseconds before which a user's tokens count no more, or 0 */
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
