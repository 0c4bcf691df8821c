// PromQL that alerts and panels share. An install is identified by namespace and job: every scrape
// configuration sets the job; outside of Kubernetes the namespace label is absent.
import { refusalCodes, refusals } from '../service/protocol/refusals.ts';
import { recoveryResults } from '../service/telemetry/definitions.ts';

export const install = 'namespace, job';

/** The sum over the replicas of each install. */
export const sum = (expression: string) => `sum by (${install}) (${expression})`;

/**
 * The increase of a counter in a window, including what a replica that started within it counted
 * before its first scrape: `increase` misses that, which matters during a rollout.
 * @param selector the counter
 * @param minutes the length of the window
 */
export function rise(selector: string, minutes: number): string {
  const window = `[${minutes}m]`;
  const replica = `${install}, instance`;
  const startedAt = `max by (${replica}) (max_over_time(mooring_start_time_seconds${window}))`;
  return (
    `(increase(${selector}${window}) + min_over_time(${selector}${window})` +
    ` * on (${replica}) group_left () (${startedAt} > bool time() - ${60 * minutes}))`
  );
}

/** A quantile of a histogram over all replicas of each install, in seconds. */
export const quantile = (share: number, metric: string, window: string) =>
  `histogram_quantile(${share}, sum by (${install}, le) (rate(${metric}_bucket[${window}])))`;

const countedBy = (alert: 'connects' | 'requests') =>
  refusalCodes.filter((code) => refusals[code].alert === alert).join('|');

/** Refused connects that `MooringConnectsRefused` counts, as a pattern. */
export const tokenCodes = countedBy('connects');

/** Refused requests that `MooringRequestsRefused` counts, as a pattern. */
export const requestCodes = countedBy('requests');

const results = Object.entries(recoveryResults).filter(([, { byClient }]) => !byClient);

/** Recoveries that the service answers for, and those of them that failed, as patterns. */
export const judgedResults = results.map(([result]) => result).join('|');
export const lostResults = results.flatMap(([result, { lost }]) => (lost ? result : [])).join('|');

const selected = 'namespace=~"$namespace",job=~"$job"';

/** A metric of the installs that are selected on the dashboard. */
export const shown = (metric: string, matchers = '') =>
  `${metric}{${selected}${matchers && `,${matchers}`}}`;

/** The rate per second, over a window that depends on the zoom. */
export const perSecond = (metric: string, matchers = '') =>
  `rate(${shown(metric, matchers)}[$__rate_interval])`;

/** Grouped by a label of `mooring_info`: `replica`, `revision` or `version`. */
export const byInfo = (label: string, expression: string) =>
  `sum by (${label}) (${expression} * on (namespace, job, instance) group_left (${label}) ` +
  `${shown('mooring_info')})`;

export const shownQuantile = (share: number, metric: string) =>
  `histogram_quantile(${share}, sum by (le) (${perSecond(`${metric}_bucket`)}))`;
