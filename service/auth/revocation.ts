// Refuses tokens that are valid by signature and expiry but that a backend has revoked.
import type { SocketData } from '../protocol/identity.ts';
import type { Verify } from './tokens.ts';

/**
 * @param revokedBefore a user's tokens issued before this time (epoch ms) are revoked; 0: none
 * @param toleranceMs how far the clocks of the issuer and of this process may differ
 */
export function refuseRevoked(
  verify: Verify,
  revokedBefore: (userId: string) => Promise<number>,
  toleranceMs: number,
): Verify {
  return async (token) => {
    const verdict = await verify(token);
    if (!verdict.ok) return verdict;
    const before = await revokedBefore(verdict.data.user.id);
    if (before === 0) return verdict;
    const { issuedAt } = verdict.data;
    if (issuedAt < before) {
      // A new token, of an issuer whose clock is slow? If so, one will soon be accepted.
      const mayBeNew = Date.now() - issuedAt <= toleranceMs;
      return {
        ok: false,
        code: 'invalid_token',
        reason: 'iat is before the revocation of the user',
        claim: 'iat',
        ...(mayBeNew && { retryable: true }),
      };
    }
    return { ok: true, data: { ...verdict.data, revokedBefore: before } satisfies SocketData };
  };
}
