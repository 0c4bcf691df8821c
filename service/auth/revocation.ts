// Refuses tokens that are valid by signature and expiry but that a backend has revoked.
import type { SocketData } from '../protocol/identity.ts';
import type { Cutoffs } from '../stores/commands.ts';
import type { Verify } from './tokens.ts';

/**
 * @param cutoffsOf what backends have revoked and ended of a user
 * @param toleranceMs how far the clocks of the issuer and of this process may differ
 */
export function refuseRevoked(
  verify: Verify,
  cutoffsOf: (userId: string) => Promise<Cutoffs>,
  toleranceMs: number,
  now: () => number,
): Verify {
  return async (token) => {
    const verdict = await verify(token);
    if (!verdict.ok) return verdict;
    const cutoffs = await cutoffsOf(verdict.data.user.id);
    const { revokedBefore, sessionsEndedAt, mayBeOutdated } = cutoffs;
    const { issuedAt } = verdict.data;
    if (issuedAt < revokedBefore) {
      // A new token, of an issuer whose clock is slow? If so, one will soon be accepted.
      const mayBeNew = now() - issuedAt <= toleranceMs;
      return {
        ok: false,
        code: 'invalid_token',
        reason: 'iat is before the revocation of the user',
        claim: 'iat',
        ...(mayBeNew && { retryable: true }),
      };
    }
    const data: SocketData = { ...verdict.data, ...(sessionsEndedAt > 0 && { sessionsEndedAt }) };
    return { ok: true, data, ...(mayBeOutdated && { isProvisional: true }) };
  };
}
