// PromQL that several alerts and panels share. One install is a namespace and a job: every way of
// scraping sets the job, and where there is no namespace the label is just not there.

export const install = 'namespace, job';

/** Adds up over the replicas of each install. */
export const sum = (expression: string) => `sum by (${install}) (${expression})`;

/** A quantile of a histogram over all replicas of each install, in seconds. */
export const quantile = (share: number, metric: string, window: string) =>
  `histogram_quantile(${share}, sum by (${install}, le) (rate(${metric}_bucket[${window}])))`;

/** Refusals at connect that the client's token is the reason for. */
export const tokenCodes = 'authentication_required|invalid_token|token_expired';

/** Refused requests, without `unavailable`, which is Redis's doing. */
export const requestCodes =
  'invalid_payload|unknown_event|access_denied|not_in_room|too_many_rooms|rate_limited|internal';
