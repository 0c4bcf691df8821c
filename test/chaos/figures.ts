// What a round came to for its clients, and the lines and the table that say it.
import type { ClientRecord } from './history.ts';
import type { Violation } from './violation.ts';

export interface Figures {
  clients: number;
  /** Still have the session of before the round; without a reconnect they count too. */
  recovered: number;
  reconnects: number;
  lost: number;
  duplicated: number;
  reordered: number;
  /** Violations of other kinds. */
  other: number;
  /** From each disconnect to the next connect; without a reconnect the longest silence. */
  awayMs: number[];
}

export function figuresOf(records: ClientRecord[], violations: Violation[], from: number): Figures {
  const of = (kind: Violation['kind']) => violations.filter((v) => v.kind === kind).length;
  const [lost, duplicated, reordered] = [of('lost'), of('duplicated'), of('reordered')];
  const figures: Figures = {
    clients: records.length,
    recovered: 0,
    reconnects: 0,
    lost,
    duplicated,
    reordered,
    other: violations.length - lost - duplicated - reordered,
    awayMs: [],
  };
  for (const { events } of records) {
    const round = events.slice(events.findLastIndex(({ at }) => at < from) + 1);
    const connects = round.flatMap((event) => (event.type === 'connected' ? event : []));
    const isBack = round.findLast(({ type }) => /connected$/.test(type))?.type !== 'disconnected';
    if (isBack && connects.every(({ recovered }) => recovered)) figures.recovered += 1;
    figures.reconnects += connects.length;
    figures.awayMs.push(...(connects.length > 0 ? absences(round) : [longestSilence(round)]));
  }
  return figures;
}

function absences(round: ClientRecord['events']): number[] {
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

export function added(figures: Figures[]): Figures {
  const sum = (of: (one: Figures) => number) => figures.reduce((total, one) => total + of(one), 0);
  return {
    clients: sum(({ clients }) => clients),
    recovered: sum(({ recovered }) => recovered),
    reconnects: sum(({ reconnects }) => reconnects),
    lost: sum(({ lost }) => lost),
    duplicated: sum(({ duplicated }) => duplicated),
    reordered: sum(({ reordered }) => reordered),
    other: sum(({ other }) => other),
    awayMs: figures.flatMap(({ awayMs }) => awayMs),
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
  ['away p50', 11],
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

export function lineOf(name: string, round: string | number, figures: Figures): string {
  const { clients, recovered, reconnects, lost, duplicated, reordered, other } = figures;
  const away = figures.awayMs.toSorted((a, b) => a - b);
  const ms = (value = 0) => `${Math.round(value)} ms`;
  const times = [ms(away[Math.floor(away.length / 2)]), ms(away.at(-1))];
  const counts = [reconnects, lost, duplicated, reordered, other];
  return row([name, round, `${recovered}/${clients}`, ...counts, ...times]);
}
