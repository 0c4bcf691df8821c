// The engine's clock, from which ids are made, at a given time: a lower bound and an estimate. They
// give a join its position without asking the engine. Times are those of `performance.now()`.
import { type Id, idLength, unknown } from '../delivery/envelope.ts';
import { type Estimate, raisePosition, type Session, setPosition } from './session.ts';

const driftMax = 0.0005; // between the two clocks; the maximum slew rate of NTP
const driftUsual = 0.0001;

/** A reading of the engine's clock, received at a local time. The clock was not behind it then. */
interface Measurement {
  microseconds: number;
  receivedAt: number;
}

/** The same reading halfway between request and answer. It is off by half of that time at most. */
interface Midpoint {
  microseconds: number;
  atMs: number;
  errorMsMax: number;
}

export type Clock = ReturnType<typeof createClock>;

/**
 * The clock may be set during an outage, or be that of another server after it. By how much cannot
 * be told if it is less than a round trip, so a time during the outage is bounded by what was
 * measured before and after it, whichever is lower.
 */
export function createClock() {
  let before: Measurement | undefined;
  let current: Measurement | undefined;
  let midpoint: Midpoint | undefined;
  /** An id that is smaller than any published after the given time. */
  const leastIdAt = (atMs: number): Id => {
    const bounds = [before, current].flatMap((known) => (known ? [leastAt(known, atMs)] : []));
    return bounds.length > 0 ? idOf(Math.min(...bounds) - 1) : unknown;
  };
  return {
    /** Records the engine's time from the answer to a request of the given time. */
    measure(microseconds: number, sentAt: number): void {
      const receivedAt = performance.now();
      // It was set back if it was behind its lower bound when it was read, at the earliest.
      const isSetBack = current && microseconds < leastAt(current, sentAt);
      const isTighter = !current || isSetBack || leastAt(current, receivedAt) < microseconds;
      if (isTighter) current = { microseconds, receivedAt };
      if (isSetBack) midpoint = undefined;
      const errorMsMax = (receivedAt - sentAt) / 2;
      const isCloser = !midpoint || errorMsMax <= errorOf(midpoint, receivedAt);
      if (isCloser) midpoint = { microseconds, atMs: sentAt + errorMsMax, errorMsMax };
    },
    /** The engine is unavailable. */
    interrupt(): void {
      before = current ?? before;
      current = undefined;
      midpoint = undefined; // the clock may be that of another server
    },
    before: leastIdAt,
    /** The best estimate of the newest id at the given time. */
    around(atMs: number): Id {
      const least = leastIdAt(atMs);
      if (!midpoint) return least;
      const estimate = idOf(midpoint.microseconds + 1000 * (atMs - midpoint.atMs));
      return estimate > least ? estimate : least;
    },
  };
}

const leastAt = ({ microseconds, receivedAt }: Measurement, atMs: number) =>
  microseconds + 1000 * (atMs - receivedAt - Math.abs(atMs - receivedAt) * driftMax);

const errorOf = ({ errorMsMax, atMs }: Midpoint, nowMs: number) =>
  errorMsMax + (nowMs - atMs) * driftUsual;

const idOf = (microseconds: number): Id => String(Math.floor(microseconds)).padStart(idLength, '0');

/** Estimates the position of a join while the engine is unavailable. */
export function estimatePosition(
  session: Session,
  room: string,
  estimate: Estimate,
  clock: Clock,
): void {
  raisePosition(session, room, estimate.requestedAt ?? clock.before(estimate.atMs));
  session.estimates ??= new Map();
  session.estimates.set(room, estimate);
}

/** Lowers estimates if the clock turns out to be behind, for example after a failover. */
export function correctPositions(session: Session, clock: Clock): void {
  for (const [room, { atMs, seen }] of session.estimates ?? []) {
    const bound = clock.before(atMs);
    const corrected = bound > seen ? bound : seen;
    if ((session.joined.get(room) ?? unknown) > corrected) setPosition(session, room, corrected);
  }
}
