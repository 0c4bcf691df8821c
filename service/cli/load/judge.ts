// Evaluates the records of the clients. Pure: no clock, no sockets.
import type { ClientRecord } from './record.ts';

/** The acknowledged message numbers of a room within the measurement, inclusive. */
export interface Range {
  first: number;
  last: number;
}

export interface Delivery {
  expected: number;
  lost: number;
  duplicated: number;
  reordered: number;
}

/** Compares what arrived with what was acknowledged. */
export function judgeNumbers(numbers: number[], { first, last }: Range): Delivery {
  const expected = Math.max(0, last - first + 1);
  const seen = new Set<number>();
  let reordered = 0;
  let duplicated = 0;
  let highest = 0;
  for (const number of numbers) {
    if (number < first || number > last) continue;
    if (seen.has(number)) duplicated += 1;
    else if (number < highest) reordered += 1;
    seen.add(number);
    highest = Math.max(highest, number);
  }
  return { expected, lost: expected - seen.size, duplicated, reordered };
}

/** Counts items by key, the most frequent first. */
export function countBy<T>(items: T[], key: (item: T) => string | number): Record<string, number> {
  const groups = [...Map.groupBy(items, key)].map(([name, group]) => [name, group.length] as const);
  return Object.fromEntries(groups.sort((a, b) => b[1] - a[1]));
}

/** The nearest-rank percentile; 0 without values. */
export function percentile(values: number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0;
}

/** The highest number of events within any one-second window. */
export function peakPerSecond(times: number[]): number {
  const sorted = times.toSorted((a, b) => a - b);
  let from = 0;
  let peak = 0;
  for (const [position, time] of sorted.entries()) {
    while (time - (sorted[from] ?? time) >= 1_000) from += 1;
    peak = Math.max(peak, position - from + 1);
  }
  return peak;
}

/** How clients are spread over pods. `pods` adds pods that have no clients. */
export function judgeSpread(records: ClientRecord[], pods: string[] = []) {
  const homes = records.flatMap(({ pod }) => (pod === undefined ? [] : [pod]));
  const none = Object.fromEntries(pods.map((pod) => [pod, 0]));
  const counts = { ...none, ...countBy(homes, (pod) => pod) };
  const sizes = Object.values(counts);
  const mean = homes.length / Math.max(1, sizes.length);
  const [min, max] = sizes.length > 0 ? [Math.min(...sizes), Math.max(...sizes)] : [0, 0];
  const offPercent = mean > 0 ? (100 * Math.max(max - mean, mean - min)) / mean : 0;
  const releases = countBy(homes, releaseOf);
  return { pods: counts, releases, min, max, mean: round(mean), offPercent: round(offPercent) };
}

/** Pods of one release differ only in the last part of their names. */
const releaseOf = (pod: string) => pod.replace(/-[^-]*$/, '');

const round = (value: number) => Math.round(value * 10) / 10;

export type Report = ReturnType<typeof judge>;

/** @param rangeOf the numbers that a client should have received */
export function judge(
  records: ClientRecord[],
  rangeOf: (record: ClientRecord) => Range,
  pods?: string[],
) {
  const returns = records.flatMap((record) => record.returns);
  const disconnects = records.flatMap((record) => record.disconnects);
  const times = disconnects.map(({ at }) => at);
  const reconnectTimes = returns.map(({ reconnectMs }) => reconnectMs);
  const perClient = records.map(({ numbers, ...rest }) => ({
    ...rest,
    delivery: judgeNumbers(numbers, rangeOf({ numbers, ...rest })),
  }));
  const sum = (key: keyof Delivery) =>
    perClient.reduce((total, { delivery }) => total + delivery[key], 0);
  return {
    clients: records.length,
    /** Clients that are not connected at the end. */
    notConnected: records.filter(({ pod }) => pod === undefined).length,
    /** How many clients had 0, 1, 2 ... disconnects. */
    reconnects: countBy(records, (record) => record.disconnects.length),
    returns: returns.length,
    recovered: returns.filter(({ recovered }) => recovered).length,
    delivery: {
      expected: sum('expected'),
      lost: sum('lost'),
      duplicated: sum('duplicated'),
      reordered: sum('reordered'),
    },
    reconnectMs: {
      p50: percentile(reconnectTimes, 0.5),
      p99: percentile(reconnectTimes, 0.99),
      max: percentile(reconnectTimes, 1),
    },
    disconnects: {
      peakPerSecond: peakPerSecond(times),
      spanMs: times.length > 0 ? Math.max(...times) - Math.min(...times) : 0,
      reasons: countBy(disconnects, ({ reason }) => reason),
    },
    connectErrors: countBy(
      records.flatMap((record) => record.connectErrors),
      ({ kind }) => kind,
    ),
    httpErrors: countBy(
      records.flatMap((record) => record.httpErrors),
      ({ kind }) => kind,
    ),
    spread: judgeSpread(records, pods),
    perClient,
  };
}
