// Refuses tokens that are valid by signature and expiry but that a backend has revoked.
import type { SocketData } from '../protocol/identity.ts';
import type { Cutoffs } from '../stores/commands.ts';
import type { Verdict } from './tokens.ts';

type Verify = (token: unknown) => Promise<Verdict>;

/** @param cutoffsOf what backends have revoked and ended of a user */
export function refuseRevoked(
  verify: Verify,
  cutoffsOf: (userId: string) => Promise<Cutoffs>,
): Verify {
  return async (token) => {
    const verdict = await verify(token);
    if (!verdict.ok) return verdict;
    const { revokedBefore, sessionsEndedAt } = await cutoffsOf(verdict.data.user.id);
    if (verdict.data.issuedAt < revokedBefore) return { ok: false, code: 'invalid_token' };
    if (sessionsEndedAt === 0) return verdict;
    return { ok: true, data: { ...verdict.data, sessionsEndedAt } satisfies SocketData };
  };
}
