// The results of a scenario, as JSON and as a table.
import type { Machine } from './machine.ts';
import type { Summary } from './statistics.ts';

export interface Row {
  /** What was measured, as shown in the table. */
  what: string;
  unit: string;
  stock?: Summary;
  ours: Summary;
  /** If more than two are compared, what each measured. */
  sides?: Record<string, Summary>;
  /** Ours divided by stock, for each round. */
  ratio?: Summary;
  /** Upper limit for `ratio`, or for `ours` without a ratio. */
  targetMax?: number;
  details?: Record<string, unknown>;
}

export interface Results {
  /** By scenario name; scenarios may have been measured at different times. */
  scenarios: Record<string, Measured>;
}

export interface Measured {
  at: string;
  rounds: number;
  seconds: number;
  machine: Machine;
  /** Column headings, if they are not `stock` and `ours`. */
  sides?: [string, string];
  rows: Row[];
}

export interface Scenario {
  name: string;
  sides?: [string, string];
  run(options: { rounds: number; print(line: string): void }): Promise<Row[]>;
}

export function met({ ours, ratio, targetMax }: Row): boolean | undefined {
  return targetMax === undefined ? undefined : (ratio ?? ours).median <= targetMax;
}

const start = '<!-- results: written by `make bench` -->';
const end = '<!-- end of results -->';

/** Replaces the tables in the page. */
export function withTable(page: string, results: Results): string {
  const [before, rest] = page.split(start);
  const after = rest?.split(end)[1];
  if (after === undefined) throw new Error(`the page does not contain ${start} and ${end}`);
  return `${before}${start}\n\n${tables(results)}\n\n${end}${after}`;
}

function tables({ scenarios }: Results): string {
  return Object.entries(scenarios)
    .map(([name, measured]) => {
      const { at, rounds, machine, rows } = measured;
      const when = `${at.slice(0, 10)}, ${plural(rounds, 'round')}`;
      const title = `**${name}**: ${when}, ${whereOf(machine)}`;
      const table = rows.some(({ sides }) => sides) ? tableOfMany(rows) : tableOfTwo(measured);
      return [title, '', ...table].join('\n');
    })
    .join('\n\n');
}

const tableOfTwo = ({ rows, sides: [one, other] = ['stock', 'ours'] }: Measured) => [
  `| measured | unit | ${one} | ${other} | ${other} / ${one} | target |`,
  '|---|---|---|---|---|---|',
  ...rows.map(tableRow),
];

/** A column for each that is compared. */
export function tableOfMany(rows: Row[]): string[] {
  const names = [...new Set(rows.flatMap(({ sides = {} }) => Object.keys(sides)))];
  const lines = rows.map(({ what, unit, sides = {}, ratio }) => [
    what,
    unit,
    ...names.map((name) => (sides[name] ? range(sides[name]) : '')),
    ratio ? range(ratio) : '',
  ]);
  const head = ['measured', 'unit', ...names, 'Mooring / A'];
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`);
}

const whereOf = ({ cores, processor, memoryGigabytes, node, redis, loadBefore }: Machine) =>
  [
    `${cores} × ${processor}, ${memoryGigabytes} GB, Node ${node}, Redis ${redis}`,
    `load average before: ${loadBefore.toFixed(1)}`,
  ].join('; ');

function tableRow(row: Row): string {
  const { what, unit, stock, ours, ratio, targetMax } = row;
  const shown = (summary: Summary | undefined) => (summary ? range(summary) : '');
  const target = targetMax === undefined ? '' : `≤ ${targetMax}: ${met(row) ? 'met' : 'missed'}`;
  const cells = [what, unit, shown(stock), range(ours), shown(ratio), target];
  return `| ${cells.join(' | ')} |`;
}

/** A row for the terminal. */
export function describeRow(row: Row): string {
  const details = row.details ? ` ${JSON.stringify(row.details)}` : '';
  return `${tableRow(row)}${details}`;
}

const range = ({ median, min, max }: Summary) =>
  min === max ? digits(median) : `${digits(median)} (${digits(min)}–${digits(max)})`;

const digits = (value: number) => (Math.abs(value) < 10 ? value.toFixed(2) : value.toFixed(0));

const plural = (count: number, noun: string) => `${count} ${noun}${count === 1 ? '' : 's'}`;
