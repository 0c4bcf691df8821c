// Periodic background work, with jitter, until it is closed.
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * @param after starts the loop when it resolves; if it rejects, the loop never starts
 * @param work resolves to the delay before the next run in milliseconds; jitter of 20 % is applied
 */
export function startBackgroundLoop(
  after: Promise<unknown>,
  work: (signal: AbortSignal) => Promise<number>,
): { close(): void } {
  const stop = new AbortController();
  const { signal } = stop;
  const run = async () => {
    while (!signal.aborted) {
      const jitter = 0.8 + 0.4 * Math.random(); // so that processes do not run in step
      const ms = (await work(signal)) * jitter;
      await sleep(ms, undefined, { signal, ref: false }).catch(() => {});
    }
  };
  void after.then(run, () => {});
  return { close: () => stop.abort() };
}
