// Work that a process does by itself again and again, from when it is ready until it closes.
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @param after when to begin; never, if it rejects
 * @param work resolves to the milliseconds until the next time, give or take a fifth
 */
export function repeat(
  after: Promise<unknown>,
  work: (signal: AbortSignal) => Promise<number>,
): { close(): void } {
  const stop = new AbortController();
  const { signal } = stop;
  const begin = async () => {
    while (!signal.aborted) {
      const ms = (await work(signal)) * (0.8 + 0.4 * Math.random()); // not all processes at once
      await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  void after.then(begin, () => {});
  return { close: () => stop.abort() };
}
