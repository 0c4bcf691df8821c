// A reporter that shows what takes the time: each project, and the ten slowest files. Failures
// come last, so that a truncated log still shows them.
import { relative } from 'node:path';
import type { Reporter, SerializedError, TestCase, TestModule } from 'vitest/node';

const slowestMax = 10;

interface Row {
  name: string;
  seconds: number;
  cpuSeconds: number;
}

export default class Summary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
    const files = modules.map(rowOf);
    if (files.length > 1) this.#printTimes(modules, files);
    printFailures(modules, errors);
  }

  #printTimes(modules: readonly TestModule[], files: Row[]): void {
    const projects = Map.groupBy(modules, ({ project }) => project.name);
    const rows = [...projects].map(([name, members]) => sum(name, members.map(rowOf)));
    const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, slowestMax);
    print([...rows.toSorted(byName), sum('all', files)]);
    print(slowest);
  }
}

function printFailures(modules: readonly TestModule[], errors: readonly SerializedError[]): void {
  const tests = modules.flatMap((module) => [...module.children.allTests()]);
  const failures = [
    ...modules.flatMap((module) =>
      module.errors().map((error) => `${fileOf(module)}: ${firstLine(error)}`),
    ),
    ...tests.filter((test) => test.result().state === 'failed').map(describeFailure),
    ...errors.map(firstLine),
  ];
  const retried = tests.filter((test) => test.diagnostic()?.flaky).map(describeFailure);
  for (const test of retried) process.stdout.write(`passed at the second try: ${test}\n`);
  for (const failure of failures) process.stdout.write(`failed: ${failure}\n`);
}

function describeFailure(test: TestCase): string {
  const [error] = test.result().errors ?? [];
  return `${fileOf(test.module)} > ${test.fullName}${error ? `\n  ${firstLine(error)}` : ''}`;
}

const fileOf = (module: TestModule) => relative(process.cwd(), module.moduleId);
const firstLine = ({ message }: SerializedError) => message.split('\n')[0] as string;

function rowOf(module: TestModule): Row {
  const { duration, collectDuration, setupDuration, prepareDuration } = module.diagnostic();
  const seconds = (duration + collectDuration + setupDuration + prepareDuration) / 1000;
  const { cpuSeconds = 0 } = module.meta();
  return { name: fileOf(module), seconds, cpuSeconds };
}

const byName = (a: Row, b: Row) => a.name.localeCompare(b.name);

const sum = (name: string, rows: Row[]): Row => ({
  name,
  seconds: rows.reduce((total, { seconds }) => total + seconds, 0),
  cpuSeconds: rows.reduce((total, { cpuSeconds }) => total + cpuSeconds, 0),
});

/** Files run beside each other, so seconds add up to more than the run took. */
function print(rows: Row[]): void {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const line = (name: string, ...cells: string[]) =>
    `${name.padEnd(width)}${cells.map((cell) => cell.padStart(10)).join('')}\n`;
  process.stdout.write(line('', 'seconds', 'CPU'));
  for (const { name, seconds, cpuSeconds } of rows) {
    process.stdout.write(line(name, seconds.toFixed(1), cpuSeconds.toFixed(1)));
  }
  process.stdout.write('\n');
}
