// Bounds for the engine's clock, from which ids are made, at a given time. They give a join its
// position while the engine is unavailable. Times are those of `performance.now()`.
import { type Id, idLength, unknown } from '../delivery/envelope.ts';
import { type Estimate, raisePosition, type Session } from '../session/session.ts';

const driftMax = 0.0005; // between the two clocks; the maximum slew rate of NTP

/** A reading of the engine's clock, taken between two local times. */
interface Measurement {
  microseconds: number;
  sentAt: number;
  receivedAt: number;
}

export type Clock = ReturnType<typeof createClock>;

export function createClock() {
  let best: Measurement | undefined;
  return {
    /** Records the engine's time from a reply. @param sentAt when the request was sent */
    measure(microseconds: number, sentAt: number): void {
      const receivedAt = performance.now();
      const measured = { microseconds, sentAt, receivedAt };
      const known = best ? leastAt(best, receivedAt) : 0;
      const isBehind = mostAt(measured, receivedAt) < known; // set back, or a new server
      if (isBehind || leastAt(measured, receivedAt) > known) best = measured;
    },
    /** An id that is smaller than any published after the given time. */
    before: (atMs: number): Id => (best ? idOf(leastAt(best, atMs) - 1) : unknown),
    /** Whether the clock was certainly behind the id at the given time. */
    isBehind: (id: Id, atMs: number): boolean =>
      best !== undefined && idOf(mostAt(best, atMs)) < id,
  };
}

const leastAt = ({ microseconds, receivedAt }: Measurement, atMs: number) =>
  microseconds + 1000 * (atMs - receivedAt - Math.abs(atMs - receivedAt) * driftMax);

const mostAt = ({ microseconds, sentAt }: Measurement, atMs: number) =>
  microseconds + 1000 * (atMs - sentAt + Math.abs(atMs - sentAt) * driftMax);

const idOf = (microseconds: number): Id => String(Math.floor(microseconds)).padStart(idLength, '0');

/** Estimates the position of a join while the engine is unavailable. */
export function estimatePosition(
  session: Session,
  room: string,
  estimate: Estimate,
  clock: Clock,
): void {
  raisePosition(session, room, clock.before(estimate.atMs));
  session.estimates ??= new Map();
  session.estimates.set(room, estimate);
}

/** Lowers estimates if the clock turns out to be behind, for example after a failover. */
export function correctPositions({ joined, estimates = new Map() }: Session, clock: Clock): void {
  for (const [room, { atMs, seen }] of estimates) {
    const position = joined.get(room);
    if (position !== undefined && clock.isBehind(position, atMs)) joined.set(room, seen);
  }
}
