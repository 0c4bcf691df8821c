// Failures that no request waits for: one place logs and counts them, without flooding the log.
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export type Report = (stage: string, error: unknown, details?: object) => void;

const repeatMs = 1_000; // a stage is logged once in this time, and counted always

export function createReport(log: Log, metrics: Metrics): Report {
  const loggedAt = new Map<string, number>();
  return (stage, error, details = {}) => {
    metrics.backgroundFailed(stage);
    const now = Date.now();
    if (now - (loggedAt.get(stage) ?? 0) < repeatMs) return;
    loggedAt.set(stage, now);
    log.error({ ...details, stage, err: error }, `failed: ${stage}`);
  };
}
