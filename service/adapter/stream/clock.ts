// What the engine's clock, of which ids are made, must have shown at a moment: the position of a
// join while the engine cannot be asked. Moments are those of `performance.now()`.
import { type Id, idLength, unknown } from '../delivery/envelope.ts';
import { type Estimate, raisePosition, type Session } from '../session/session.ts';

const driftMax = 0.0005; // of the two clocks against each other; NTP slews by no more

/** The engine's time, and between which moments it was that. */
interface Measurement {
  microseconds: number;
  sentAt: number;
  receivedAt: number;
}

export type Clock = ReturnType<typeof createClock>;

export function createClock() {
  let best: Measurement | undefined;
  return {
    /** The engine's time as it is in an answer. @param sentAt when it was asked */
    measure(microseconds: number, sentAt: number): void {
      const receivedAt = performance.now();
      const measured = { microseconds, sentAt, receivedAt };
      const known = best ? leastAt(best, receivedAt) : 0;
      const isBehind = mostAt(measured, receivedAt) < known; // it was set, or is another clock
      if (isBehind || leastAt(measured, receivedAt) > known) best = measured;
    },
    /** Whatever is published after the moment has a larger id. */
    before: (atMs: number): Id => (best ? idOf(leastAt(best, atMs) - 1) : unknown),
    /** Whether the clock certainly has not shown such an id at the moment. */
    isBehind: (id: Id, atMs: number): boolean =>
      best !== undefined && idOf(mostAt(best, atMs)) < id,
  };
}

const leastAt = ({ microseconds, receivedAt }: Measurement, atMs: number) =>
  microseconds + 1000 * (atMs - receivedAt - Math.abs(atMs - receivedAt) * driftMax);

const mostAt = ({ microseconds, sentAt }: Measurement, atMs: number) =>
  microseconds + 1000 * (atMs - sentAt + Math.abs(atMs - sentAt) * driftMax);

const idOf = (microseconds: number): Id => String(Math.floor(microseconds)).padStart(idLength, '0');

/** Sets the position of a join for which the engine could not be asked. */
export function estimatePosition(
  session: Session,
  room: string,
  estimate: Estimate,
  clock: Clock,
): void {
  raisePosition(session, room, clock.before(estimate.atMs));
  session.estimates.set(room, estimate);
}

/** Lowers estimates when the clock turns out to be behind: after a failover, for example. */
export function correctPositions({ joined, estimates }: Session, clock: Clock): void {
  for (const [room, { atMs, seen }] of estimates) {
    const position = joined.get(room);
    if (position !== undefined && clock.isBehind(position, atMs)) joined.set(room, seen);
  }
}
