// Estimates Redis's clock, from which message ids are made. Clocks of hosts differ by more than a
// delivery takes.

import { wallClockMs } from '../../lib/wall-clock.ts';

const readingsMax = 12;

export type Clock = ReturnType<typeof createClock>;

export function createClock() {
  const readings: { offset: number; tookMs: number }[] = [];
  let offset = wallClockMs() - performance.now();
  return {
    /** Epoch milliseconds by Redis's clock, or by this host's until the first reading. */
    now: () => performance.now() + offset,
    /** @param read resolves to Redis's time in epoch milliseconds */
    async set(read: () => Promise<number>): Promise<void> {
      const startedAt = performance.now();
      const redisMs = await read();
      const tookMs = performance.now() - startedAt;
      readings.push({ offset: redisMs - (startedAt + tookMs / 2), tookMs });
      if (readings.length > readingsMax) readings.shift();
      // The error is at most half of the round trip, so the fastest reading is the most accurate.
      const best = readings.reduce((a, b) => (b.tookMs < a.tookMs ? b : a));
      offset = best.offset;
    },
  };
}
