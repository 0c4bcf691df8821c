// PromQL that several alerts and panels share. One install is a namespace and a job: every way of
// scraping sets the job, and where there is no namespace the label is just not there.
import { refusalCodes, refusals } from '../service/protocol/refusals.ts';
import { recoveryResults } from '../service/telemetry/definitions.ts';

export const install = 'namespace, job';

/** Adds up over the replicas of each install. */
export const sum = (expression: string) => `sum by (${install}) (${expression})`;

/**
 * How much a counter rose in a window, with what a replica that started in it counted before its
 * first scrape: `increase` sees only what comes after, and in a roll-out that is too late.
 * @param selector of a counter
 * @param minutes of the window
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

const chosen = 'namespace=~"$namespace",job=~"$job"';

/** A metric of the installs that are chosen on the dashboard. */
export const shown = (metric: string, matchers = '') =>
  `${metric}{${chosen}${matchers && `,${matchers}`}}`;

/** Per second, over a window that fits the zoom. */
export const perSecond = (metric: string, matchers = '') =>
  `rate(${shown(metric, matchers)}[$__rate_interval])`;

/** By a label of `mooring_info`: `replica`, `revision` or `version`. */
export const byInfo = (label: string, expression: string) =>
  `sum by (${label}) (${expression} * on (namespace, job, instance) group_left (${label}) ` +
  `${shown('mooring_info')})`;

export const shownQuantile = (share: number, metric: string) =>
  `histogram_quantile(${share}, sum by (le) (${perSecond(`${metric}_bucket`)}))`;
