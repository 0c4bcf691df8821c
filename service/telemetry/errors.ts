// The one place that logs and counts failures outside of requests, at a limited rate.
import type { createLimitedLog } from './log.ts';
import type { Metrics } from './metrics.ts';

export type Report = (stage: string, error: unknown, details?: object) => void;

export function createReport(log: ReturnType<typeof createLimitedLog>, metrics: Metrics): Report {
  return (stage, error, details = {}) => {
    metrics.backgroundFailed(stage);
    log('error', `failed ${stage}`, { ...details, stage, err: error }, 'operation failed');
  };
}
