// Keeps the pod-deletion-cost annotation close to the pod's number of connections, so that a
// scale-down deletes the emptiest pod. Failures are logged, counted and retried with backoff.

import { startBackgroundLoop } from '../lib/background-loop.ts';
import type { Replica } from '../stores/fleet.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const annotation = 'controller.kubernetes.io/pod-deletion-cost';
const stage = 'deletion_cost';
const changeShareMin = 0.05;
const defaults = {
  pollMs: 1_000,
  writeIntervalMsMin: 15_000, // every write is sent to everything that watches pods
  retryMsMax: 60_000,
};

interface Parts {
  /** Starts the loop when it resolves. */
  after: Promise<unknown>;
  /** The pod's cost; `undefined` when it is not known or another process writes it. */
  cost(): number | undefined;
  annotate(annotations: Record<string, string>, signal: AbortSignal): Promise<void>;
  metrics: Pick<Metrics, 'backgroundFailed'>;
  log: Log;
  times?: typeof defaults;
}

export function keepDeletionCost({ times = defaults, ...parts }: Parts): { close(): void } {
  const { after, cost, annotate, metrics, log } = parts;
  let written: number | undefined;
  let failures = 0;
  let reason: string | undefined;

  const failed = (error: unknown) => {
    failures += 1;
    metrics.backgroundFailed(stage);
    if (String(error) !== reason)
      log.warn({ stage, err: error }, 'pod deletion cost update failed');
    reason = String(error);
  };
  const succeeded = () => {
    if (failures > 0) log.info({ stage, failures }, 'pod deletion cost update recovered');
    failures = 0;
    reason = undefined;
  };
  return startBackgroundLoop(after, async (signal) => {
    const now = cost();
    if (now === undefined) written = undefined; // another process may overwrite the annotation
    if (now === undefined || !hasChanged(now, written)) return times.pollMs;
    try {
      await annotate({ [annotation]: String(now) }, signal);
      written = now;
      succeeded();
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
    return Math.min(times.retryMsMax, times.writeIntervalMsMin * 2 ** failures);
  });
}

const hasChanged = (now: number, written: number | undefined): boolean =>
  written === undefined || Math.abs(now - written) > written * changeShareMin;

/**
 * The number of connections of this process's pod. Only the process with the lowest id of a pod
 * reports it, so that a pod has one writer; a draining process reports nothing.
 */
export function costOf([own, ...others]: Replica[]): number | undefined {
  const same = others.filter(({ pod }) => pod === own?.pod);
  if (!own || own.draining || same.some(({ id }) => id < own.id)) return undefined;
  return same.reduce((sum, { connections }) => sum + connections, own.connections);
}
