// Asks the webhook again about the rooms of every socket before a grant is too old. While it fails,
// the grant lasts until it is.
import type { MooringServer, MooringSocket } from '../protocol/identity.ts';
import type { RoomReview } from './room-review.ts';

const sweepMsMax = 1_000;
const atOnceMax = 32; // sockets whose rooms are asked about

/** All grants of a socket. */
interface Grants {
  /** Each was asked about since, by `performance.now()`. */
  askedAt: number;
  /** When to ask again. */
  dueAt: number;
}

type Parts = Pick<RoomReview, 'review' | 'end'> & {
  /** The age at which a grant ends. */
  grantMsMax: number;
  report(stage: string, error: unknown): void;
};

export function renewGrants(io: MooringServer, parts: Parts): { close(): void } {
  const { grantMsMax, report } = parts;
  const known = new WeakMap<MooringSocket, Grants>();
  const asking = new Set<MooringSocket>();
  const grantsOf = (socket: MooringSocket, now: number): Grants => {
    const grants = known.get(socket) ?? askedNow(now, grantMsMax);
    known.set(socket, grants);
    return grants;
  };
  const sweep = () => {
    const now = performance.now();
    for (const { sockets } of io._nsps.values()) {
      for (const socket of sockets.values()) {
        if (asking.size >= atOnceMax) return; // the others are due in the next sweep
        if (grantsOf(socket, now).dueAt > now || asking.has(socket)) continue;
        asking.add(socket);
        renew(socket, grantsOf(socket, now), parts)
          .then((grants) => known.set(socket, grants))
          .catch((error) => report('room_access', error))
          .finally(() => asking.delete(socket));
      }
    }
  };
  const timer = setInterval(sweep, Math.min(sweepMsMax, grantMsMax / 10));
  return { close: () => clearInterval(timer) };
}

async function renew(
  socket: MooringSocket,
  { askedAt }: Grants,
  { review, end, grantMsMax }: Parts,
): Promise<Grants> {
  const now = performance.now();
  const refused = await review(socket);
  const isFailed = refused.some(({ refusal }) => refusal.error.code === 'unavailable');
  const isOver = performance.now() - askedAt >= grantMsMax;
  const lost = refused.filter(({ refusal }) => isOver || refusal.error.code !== 'unavailable');
  await end(socket, lost);
  return isFailed && !isOver
    ? { askedAt, dueAt: now + grantMsMax / 10 }
    : askedNow(now, grantMsMax);
}

/** Spreads the next requests, and leaves time to repeat those that fail. */
const askedNow = (now: number, grantMsMax: number): Grants => ({
  askedAt: now,
  dueAt: now + grantMsMax * (0.5 + 0.3 * Math.random()),
});
