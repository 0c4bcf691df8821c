// `make bench`: runs the scenarios and writes results.json and the tables in the docs.
import { readFileSync, writeFileSync } from 'node:fs';
import { describeMachine } from './machine.ts';
import { type Results, type Scenario, withTable } from './report.ts';
import { connect } from './scenarios/connect.ts';
import { cost } from './scenarios/cost.ts';
import { fanout } from './scenarios/fanout.ts';
import { metrics } from './scenarios/metrics.ts';
import { restore } from './scenarios/restore.ts';
import { whole } from './scenarios/whole.ts';

const all: Scenario[] = [cost, restore, fanout, connect, metrics, whole];
const roundsDefault = 3;
const resultsPath = new URL('results.json', import.meta.url);
const pagePath = new URL('../docs/reference/performance.md', import.meta.url);
const print = (line: string) => void process.stdout.write(`${line}\n`);

const { SCENARIOS, ROUNDS, CI } = process.env; // CI only prints
const names = SCENARIOS?.split(',') ?? all.map(({ name }) => name);
const unknown = names.filter((name) => !all.some((scenario) => scenario.name === name));
const rounds = Number(ROUNDS ?? roundsDefault);
if (process.argv.length > 2 || unknown.length > 0 || !Number.isInteger(rounds) || rounds < 1) {
  print(`Usage: make bench [SCENARIOS=${all.map(({ name }) => name).join(',')}] [ROUNDS=3]`);
  process.exit(1);
}

for (const scenario of all) {
  if (!names.includes(scenario.name)) continue;
  print(`${scenario.name}:`);
  const machine = await describeMachine();
  const startedAt = performance.now();
  const rows = await scenario.run({ rounds, print: (line) => print(`  ${line}`) });
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  const { sides } = scenario;
  const at = new Date().toISOString();
  const measured = { at, rounds, seconds, machine, ...(sides && { sides }), rows };
  if (!CI) keep(scenario.name, measured);
}

/** Called after each scenario, so that results survive a later failure. */
function keep(name: string, measured: Results['scenarios'][string]): void {
  const { scenarios } = JSON.parse(readFileSync(resultsPath, 'utf8')) as Results;
  const results: Results = { scenarios: { ...scenarios, [name]: measured } };
  writeFileSync(resultsPath, `${JSON.stringify(results, undefined, 2)}\n`);
  writeFileSync(pagePath, withTable(readFileSync(pagePath, 'utf8'), results));
}
