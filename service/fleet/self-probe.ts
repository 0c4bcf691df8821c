// Sends a message through Redis back to this process every few seconds, so that a broken delivery
// path is noticed before users notice it. The delay it measures contains no client's network.
import { setTimeout as sleep } from 'node:timers/promises';
import { startBackgroundLoop } from '../lib/background-loop.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const intervalMs = 2_000;
const answerMsMax = 2_000;

interface Parts {
  /** Starts the probe when it resolves. */
  after: Promise<unknown>;
  /** Publishes a message to this process; resolves when it arrives. */
  loopback(): Promise<void>;
  metrics: Metrics;
  log: Log;
}

export function startSelfProbe({ after, loopback, metrics, log }: Parts): { close(): void } {
  let failing = false;
  return startBackgroundLoop(after, async (signal) => {
    const startedAt = performance.now();
    const late = new AbortController();
    const tooLate = sleep(answerMsMax, undefined, { signal: late.signal, ref: false }).then(() => {
      throw new Error(`no answer within ${answerMsMax} ms`);
    });
    tooLate.catch(() => {}); // after the race nobody handles it
    try {
      await Promise.race([loopback(), tooLate]);
      metrics.probed((performance.now() - startedAt) / 1000);
      if (failing) log.info('self-probe recovered');
      failing = false;
    } catch (error) {
      if (signal.aborted) return intervalMs;
      metrics.probeFailed();
      if (!failing) log.warn({ err: error }, 'self-probe failed: messages are not being delivered');
      failing = true;
    } finally {
      late.abort();
    }
    return intervalMs;
  });
}
