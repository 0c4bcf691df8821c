// Failures that no request waits for: one place logs and counts them, without flooding the log.
import type { createLimitedLog } from './log.ts';
import type { Metrics } from './metrics.ts';

export type Report = (stage: string, error: unknown, details?: object) => void;

export function createReport(tell: ReturnType<typeof createLimitedLog>, metrics: Metrics): Report {
  return (stage, error, details = {}) => {
    metrics.backgroundFailed(stage);
    tell('error', `failed ${stage}`, { ...details, stage, err: error }, `failed: ${stage}`);
  };
}
