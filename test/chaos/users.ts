// The users of a run and their tokens, which outlast the steps of the pods' clocks.
import { tokenFor } from '../harness/processes.ts';

export type Users = ReturnType<typeof createUsers>;

const marginSeconds = 4 * 3_600; // clocks may step by an hour several times

export function createUsers() {
  const issuedAt = new Map<string, number>();
  const nowSeconds = () => Math.floor(Date.now() / 1_000);
  const first = nowSeconds() - marginSeconds;
  const issuedAtOf = (user: string) => issuedAt.get(user) ?? first;
  return {
    /** When the user's tokens are issued, in epoch seconds: long ago, as clocks step back. */
    issuedAt: issuedAtOf,
    /** @param seconds how long it is valid, by this machine's clock */
    token(user: string, seconds = marginSeconds): string {
      const iat = issuedAtOf(user);
      return tokenFor({ sub: user, iat }, nowSeconds() - iat + seconds);
    },
    /** The user gets later tokens from now on. Returns from when, in epoch milliseconds. */
    renew(user: string): number {
      issuedAt.set(user, issuedAtOf(user) + 1);
      return issuedAtOf(user) * 1_000;
    },
  };
}
