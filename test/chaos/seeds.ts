// Runs many seeds, several in parallel: prints a line for each, timelines of failures, and totals.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nextBuild } from './builds.ts';
import type { ClientRecord } from './history.ts';
import { drawPlan } from './plan.ts';
import { recordOf, timelineOf } from './timeline.ts';
import { emptyTotals, type Totals } from './totals.ts';
import { type Outcome, run } from './world.ts';

const clientCount = 14;

interface Options {
  seeds: number[];
  seconds: number;
  parallel: number;
  print: (line: string) => void;
}

export async function runSeeds({ seeds, seconds, parallel, print }: Options): Promise<Totals> {
  const totals = emptyTotals();
  const next = nextBuild();
  process.once('exit', next.remove); // also when it is interrupted
  const waiting = [...seeds];
  const worker = async () => {
    for (let seed = waiting.shift(); seed !== undefined; seed = waiting.shift()) {
      const plan = drawPlan(seed, seconds, clientCount);
      const outcome = await run(plan, next.folder).catch((error: Error) => error);
      if (outcome instanceof Error) {
        totals.failed.push(`seed ${seed}`);
        print(`seed ${seed} could not be run: ${outcome.stack}`);
        continue;
      }
      const line = tell(outcome, totals);
      print(`seed ${String(seed).padEnd(5)} ${line}`);
      if (outcome.violations.length === 0) continue;
      totals.failed.push(`seed ${seed}`);
      print(timelineOf(outcome.history, outcome.violations));
      print(`all clients and logs: ${keep(seed, outcome)}`);
      print(`again: make chaos ROUNDS=0 SEEDS=${seed} SECONDS=${seconds}`);
    }
  };
  await Promise.all(Array.from({ length: parallel }, worker)).finally(next.remove);
  return totals;
}

/** Writes everything about a run to a file. */
function keep(seed: number, { history, output }: Outcome): string {
  const path = join(tmpdir(), `mooring-chaos-seed-${seed}.log`);
  writeFileSync(path, [...history.clients.map((one) => recordOf(one, history)), output].join('\n'));
  return path;
}

/** Adds a run to the totals and prints its result. */
function tell({ history, violations }: Outcome, totals: Totals): string {
  const told = sum(history.clients, (event) => event.type === 'presence');
  const publishes = [...history.publishes.values()];
  const acknowledged = publishes.filter((publish) => publish.acknowledged !== undefined).length;
  const own = history.clients.filter(({ role }) => role === 'client');
  const received = sum(own, (event) => event.type === 'received');
  const connects = sum(own, (event) => event.type === 'connected') - own.length;
  const recovered = sum(own, (event) => event.type === 'connected' && event.recovered);
  totals.runs += 1;
  totals.clients += own.length;
  totals.reconnects += connects;
  totals.recovered += recovered;
  totals.received += received;
  totals.told += told;
  totals.reads += history.reads.length;
  for (const { kind } of violations) totals.violations[kind] += 1;
  return [
    `${acknowledged} of ${publishes.length} publishes acknowledged`,
    `${received} received`,
    `recovered ${recovered} of ${connects}`,
    `presence read ${history.reads.length} and told ${told} times`,
    violations.length === 0 ? 'ok' : `${violations.length} VIOLATIONS`,
  ].join(' · ');
}

function sum(records: ClientRecord[], isCounted: (event: ClientRecord['events'][0]) => boolean) {
  return records.reduce((count, { events }) => count + events.filter(isCounted).length, 0);
}
