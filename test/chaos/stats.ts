// The statistics of a round, and their table.
import type { ClientRecord } from './history.ts';
import type { Violation } from './violation.ts';

export interface RoundStats {
  clients: number;
  /** Clients that kept their session, with or without a reconnect. */
  recovered: number;
  reconnects: number;
  lost: number;
  duplicated: number;
  reordered: number;
  /** Other violations. */
  other: number;
  /** Time from each disconnect to the next connect; without a reconnect, the longest silence. */
  reconnectMs: number[];
}

export function statsOf(
  records: ClientRecord[],
  violations: Violation[],
  from: number,
): RoundStats {
  const of = (kind: Violation['kind']) => violations.filter((v) => v.kind === kind).length;
  const [lost, duplicated, reordered] = [of('lost'), of('duplicated'), of('reordered')];
  const stats: RoundStats = {
    clients: records.length,
    recovered: 0,
    reconnects: 0,
    lost,
    duplicated,
    reordered,
    other: violations.length - lost - duplicated - reordered,
    reconnectMs: [],
  };
  for (const { events } of records) {
    const round = events.slice(events.findLastIndex(({ at }) => at < from) + 1);
    const connects = round.flatMap((event) => (event.type === 'connected' ? event : []));
    const isBack = round.findLast(({ type }) => /connected$/.test(type))?.type !== 'disconnected';
    if (isBack && connects.every(({ recovered }) => recovered)) stats.recovered += 1;
    stats.reconnects += connects.length;
    stats.reconnectMs.push(
      ...(connects.length > 0 ? reconnectTimes(round) : [longestSilence(round)]),
    );
  }
  return stats;
}

function reconnectTimes(round: ClientRecord['events']): number[] {
  const found: number[] = [];
  let since: number | undefined;
  for (const { type, at } of round) {
    if (type === 'disconnected') since ??= at;
    if (type !== 'connected' || since === undefined) continue;
    found.push(at - since);
    since = undefined;
  }
  return found;
}

function longestSilence(round: ClientRecord['events']): number {
  const received = round.filter(({ type }) => type === 'received');
  return Math.max(0, ...received.map(({ at }, i) => at - (received[i - 1]?.at ?? at)));
}

export function added(stats: RoundStats[]): RoundStats {
  const sum = (of: (one: RoundStats) => number) => stats.reduce((total, one) => total + of(one), 0);
  return {
    clients: sum(({ clients }) => clients),
    recovered: sum(({ recovered }) => recovered),
    reconnects: sum(({ reconnects }) => reconnects),
    lost: sum(({ lost }) => lost),
    duplicated: sum(({ duplicated }) => duplicated),
    reordered: sum(({ reordered }) => reordered),
    other: sum(({ other }) => other),
    reconnectMs: stats.flatMap(({ reconnectMs }) => reconnectMs),
  };
}

const columns = [
  ['', 19],
  ['round', 11],
  ['recovered', 12],
  ['reconnects', 12],
  ['lost', 6],
  ['duplicated', 12],
  ['reordered', 11],
  ['other', 7],
  ['reconnect p50', 15],
  ['max', 10],
] as const;

const row = (cells: (string | number)[]) =>
  cells
    .map((cell, i) => {
      const width = columns[i]?.[1] ?? 0;
      return i === 0 ? String(cell).padEnd(width) : String(cell).padStart(width);
    })
    .join('');

export const headLine = row(columns.map(([name]) => name));

export function lineOf(name: string, round: string | number, stats: RoundStats): string {
  const { clients, recovered, reconnects, lost, duplicated, reordered, other } = stats;
  const sorted = stats.reconnectMs.toSorted((a, b) => a - b);
  const ms = (value = 0) => `${Math.round(value)} ms`;
  const times = [ms(sorted[Math.floor(sorted.length / 2)]), ms(sorted.at(-1))];
  const counts = [reconnects, lost, duplicated, reordered, other];
  return row([name, round, `${recovered}/${clients}`, ...counts, ...times]);
}
