// A message to oneself every few seconds, on the way that every message takes: a broken way shows
// while no user is connected, and its delay is one without any client's share.
import { setTimeout as sleep } from 'node:timers/promises';
import { repeat } from '../lib/background-loop.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const everyMs = 2_000;
const answerMsMax = 2_000;

interface Parts {
  /** When to begin. */
  after: Promise<unknown>;
  /** Resolves when the message is back. */
  send(): Promise<void>;
  metrics: Metrics;
  log: Log;
}

export function startProbe({ after, send, metrics, log }: Parts): { close(): void } {
  let failing = false;
  return repeat(after, async (signal) => {
    const startedAt = performance.now();
    const late = new AbortController();
    const tooLate = sleep(answerMsMax, undefined, { signal: late.signal, ref: false }).then(() => {
      throw new Error(`not back within ${answerMsMax} ms`);
    });
    tooLate.catch(() => {}); // the race may be over
    try {
      await Promise.race([send(), tooLate]);
      metrics.probed((performance.now() - startedAt) / 1000);
      if (failing) log.info('probe is back');
      failing = false;
    } catch (error) {
      if (signal.aborted) return everyMs;
      metrics.probeFailed();
      if (!failing) log.warn({ err: error }, 'probe failed: messages do not get through');
      failing = true;
    } finally {
      late.abort();
    }
    return everyMs;
  });
}
