// What Redis's clock, of which ids are made, must have shown at a moment: it tells a position while
// Redis cannot. Moments are those of `performance.now()`.
import { type Id, idLength, unknown } from './entry.ts';

const driftMax = 0.0005; // of the two clocks against each other; NTP slews by no more

/** Redis's time, and between which moments it was that. */
interface Measured {
  us: number;
  sentMs: number;
  receivedMs: number;
}

export type Clock = ReturnType<typeof createClock>;

export function createClock() {
  let best: Measured | undefined;
  return {
    measure(us: number, sentMs: number): void {
      const receivedMs = performance.now();
      const measured = { us, sentMs, receivedMs };
      const known = best ? leastAt(best, receivedMs) : 0;
      const isBehind = mostAt(measured, receivedMs) < known; // it was set, or is another one
      if (isBehind || leastAt(measured, receivedMs) > known) best = measured;
    },
    /** Whatever is published after the moment has a larger id. */
    before: (atMs: number): Id => (best ? idOf(leastAt(best, atMs) - 1) : unknown),
    /** Whether the clock certainly has not shown such an id at the moment. */
    isBehind: (id: Id, atMs: number): boolean =>
      best !== undefined && idOf(mostAt(best, atMs)) < id,
  };
}

const leastAt = ({ us, receivedMs }: Measured, atMs: number) =>
  us + 1000 * (atMs - receivedMs - Math.abs(atMs - receivedMs) * driftMax);

const mostAt = ({ us, sentMs }: Measured, atMs: number) =>
  us + 1000 * (atMs - sentMs + Math.abs(atMs - sentMs) * driftMax);

const idOf = (us: number): Id => String(Math.floor(us)).padStart(idLength, '0');
