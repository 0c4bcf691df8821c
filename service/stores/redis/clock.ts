// Redis's clock, read from here: ids of messages are its time, and clocks of hosts differ by more
// than a message takes.

const readingsMax = 12;

export type Clock = ReturnType<typeof createClock>;

export function createClock() {
  const readings: { offset: number; tookMs: number }[] = [];
  let offset = Date.now() - performance.now();
  return {
    /** Epoch milliseconds by Redis's clock; by this host's until the first reading. */
    now: () => performance.now() + offset,
    /** @param read answers Redis's time in epoch milliseconds */
    async set(read: () => Promise<number>): Promise<void> {
      const startedAt = performance.now();
      const redisMs = await read();
      const tookMs = performance.now() - startedAt;
      readings.push({ offset: redisMs - (startedAt + tookMs / 2), tookMs });
      if (readings.length > readingsMax) readings.shift();
      // It is wrong by half of what the question took at most: the quickest one knows best.
      const best = readings.reduce((a, b) => (b.tookMs < a.tookMs ? b : a));
      offset = best.offset;
    },
  };
}
