// A lower bound of Redis's clock, of which ids are made: it tells a position while Redis cannot.
import { type Id, idLength, unknown } from '../delivery/envelope.ts';

const driftMax = 0.0005; // of the two clocks against each other; NTP slews by no more

export type Clock = ReturnType<typeof createClock>;

export function createClock() {
  let measured: { us: number; atMs: number } | undefined;
  return {
    /** Redis's time, when its answer arrives: it is at least that by then. */
    measure(us: number): void {
      measured = { us, atMs: performance.now() };
    },
    /** Whatever is published after a moment of `performance.now()` has a larger id. */
    boundAt(atMs: number): Id {
      if (!measured) return unknown;
      const ms = atMs - measured.atMs;
      const us = measured.us + 1000 * (ms - Math.abs(ms) * driftMax);
      return String(Math.floor(us) - 1).padStart(idLength, '0');
    },
  };
}
