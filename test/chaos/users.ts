// The users of a run and their tokens, which outlast the steps of the pods' clocks.
import { tokenFor } from '../harness/processes.ts';

export type Users = ReturnType<typeof createUsers>;

const marginSeconds = 4 * 3_600; // clocks may step by an hour several times

export function createUsers() {
  const nowSeconds = () => Math.floor(Date.now() / 1_000);
  const first = nowSeconds() - marginSeconds;
  const issuedAt = new Map<string, number>();
  const revokedBefore = new Map<string, number>();
  const issuedAtOf = (user: string) => issuedAt.get(user) ?? first;
  return {
    /** When the user's tokens are issued, in epoch seconds: long ago, as clocks step back. */
    issuedAt: issuedAtOf,
    /** @param seconds how long it is valid, by this machine's clock */
    token: (user: string, iat: number, seconds = marginSeconds): string =>
      tokenFor({ sub: user, iat }, nowSeconds() - iat + seconds),
    /** The present tokens may be refused from now on. Returns the time before which, in ms. */
    revoke(user: string): number {
      const before = issuedAtOf(user) + 1;
      revokedBefore.set(user, before);
      return before * 1_000;
    },
    /** The user gets later tokens from now on. */
    renew(user: string): void {
      issuedAt.set(user, revokedBefore.get(user) ?? first);
    },
    mayBeRevoked: (user: string, iat: number) => iat < (revokedBefore.get(user) ?? 0),
  };
}
