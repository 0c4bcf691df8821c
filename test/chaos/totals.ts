// The totals of many runs, as one line.
import { existsSync, readFileSync } from 'node:fs';
import { type Violation, violationKinds } from './violation.ts';

export interface Totals {
  runs: number;
  clients: number;
  received: number;
  reconnects: number;
  recovered: number;
  /** How often presence was read, and changes of it were received. */
  reads: number;
  told: number;
  violations: Record<Violation['kind'], number>;
  /** Names of the runs with a violation. */
  failed: string[];
}

export function emptyTotals(): Totals {
  const none = violationKinds.map((kind) => [kind, 0]);
  const violations = Object.fromEntries(none) as Totals['violations'];
  const nothing = {
    runs: 0,
    clients: 0,
    received: 0,
    reconnects: 0,
    recovered: 0,
    reads: 0,
    told: 0,
  };
  return { ...nothing, violations, failed: [] };
}

export function summary({ clients, reconnects, recovered, received, ...rest }: Totals): string {
  const { violations, runs, failed } = rest;
  return [
    ...Object.entries(violations).map(([kind, count]) => `${kind} ${count}`),
    `reconnects per client ${(reconnects / Math.max(1, clients)).toFixed(1)}`,
    `recovered ${recovered} of ${reconnects}`,
    `received ${received}`,
    `presence read ${rest.reads} and told ${rest.told} times`,
    `runs ${runs}, failed ${failed.length}`,
  ].join(' · ');
}

/** How much the machine slowed the run down, on Linux: it also slows reconnects. */
export function waitForProcessor(): string {
  const path = '/proc/self/schedstat'; // nanoseconds: ran, waited
  if (!existsSync(path)) return '';
  const [ran = 0, waited = 0] = readFileSync(path, 'utf8').split(' ').map(Number);
  const percent = Math.round((100 * waited) / (ran + waited));
  return `waited for a processor ${percent} % of the time it had something to do`;
}
