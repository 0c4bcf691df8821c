// Keeps the annotation by which a ReplicaSet picks the pod that it deletes first near the pod's
// number of connections. Nothing here waits for it: what fails is said, counted and tried again.

import { repeat } from '../lib/background-loop.ts';
import type { Replica } from '../stores/fleet.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const annotation = 'controller.kubernetes.io/pod-deletion-cost';
const stage = 'deletion_cost';
const changeShareMin = 0.05;
const usual = {
  lookMs: 1_000,
  everyMsMin: 15_000, // each write reaches everybody who watches pods
  retryMsMax: 60_000,
};

interface Parts {
  /** When to begin. */
  after: Promise<unknown>;
  /** What the pod is worth; `undefined`: it is not this process that says so, or not now. */
  cost(): number | undefined;
  annotate(annotations: Record<string, string>, signal: AbortSignal): Promise<void>;
  metrics: Pick<Metrics, 'backgroundFailed'>;
  log: Log;
  times?: typeof usual;
}

export function keepDeletionCost({ times = usual, ...parts }: Parts): { close(): void } {
  const { after, cost, annotate, metrics, log } = parts;
  let written: number | undefined;
  let failures = 0;
  let reason: string | undefined;

  const failed = (error: unknown) => {
    failures += 1;
    metrics.backgroundFailed(stage);
    if (String(error) !== reason) log.warn({ stage, err: error }, `failed: ${stage}`);
    reason = String(error);
  };
  const succeeded = () => {
    if (failures > 0) log.info({ stage, failures }, `works again: ${stage}`);
    failures = 0;
    reason = undefined;
  };
  return repeat(after, async (signal) => {
    const now = cost();
    if (now === undefined) written = undefined; // another process may write what it knows
    if (now === undefined || !isNews(now, written)) return times.lookMs;
    try {
      await annotate({ [annotation]: String(now) }, signal);
      written = now;
      succeeded();
    } catch (error) {
      if (!signal.aborted) failed(error);
    }
    return Math.min(times.retryMsMax, times.everyMsMin * 2 ** failures);
  });
}

const isNews = (now: number, written: number | undefined): boolean =>
  written === undefined || Math.abs(now - written) > written * changeShareMin;

/**
 * Connections of the pod that the first process is of, when it is the one that speaks for all of
 * them: one does, and another when that is gone. None does of a pod that drains.
 */
export function costOf([own, ...others]: Replica[]): number | undefined {
  const same = others.filter(({ pod }) => pod === own?.pod);
  if (!own || own.draining || same.some(({ id }) => id < own.id)) return undefined;
  return same.reduce((sum, { connections }) => sum + connections, own.connections);
}
