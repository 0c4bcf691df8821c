// The one place that logs and counts failures outside of requests. The first failure of each kind
// is logged at once, the others only as numbers: an outage of Redis repeats a few of them for as
// long as it lasts.
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';

export type Report = (stage: string, error: unknown, details?: object) => void;

const summaryMs = 10_000;
const kindsMax = 1_000;

interface Kind {
  stage: string;
  /** Since the last summary. */
  repeated: number;
}

export function createReport(log: Pick<Log, 'error'>, metrics: Metrics): Report {
  const kinds = new Map<string, Kind>();
  let timer: NodeJS.Timeout | undefined;
  const summarize = () => {
    const failures: Record<string, number> = {};
    for (const [name, kind] of kinds) {
      const { stage, repeated } = kind;
      if (repeated > 0) failures[stage] = (failures[stage] ?? 0) + repeated;
      else kinds.delete(name); // it has ended; the next failure is logged again
      kind.repeated = 0;
    }
    if (Object.keys(failures).length > 0) log.error({ failures }, 'operations keep failing');
    if (kinds.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
  return (stage, error, details = {}) => {
    metrics.backgroundFailed(stage);
    const name = `${stage} ${error instanceof Error ? error.message : String(error)}`;
    const known = kinds.get(name);
    if (known) {
      known.repeated += 1;
      return;
    }
    if (kinds.size >= kindsMax) kinds.clear();
    kinds.set(name, { stage, repeated: 0 });
    timer ??= setInterval(summarize, summaryMs).unref();
    log.error({ ...details, stage, err: error }, 'operation failed');
  };
}
