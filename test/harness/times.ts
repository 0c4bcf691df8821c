// A reporter that shows what takes the time: each project, and the ten slowest files.
import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

const slowestMax = 10;

interface Row {
  name: string;
  seconds: number;
  cpuSeconds: number;
}

export default class Times implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const files = modules.map(rowOf);
    if (files.length < 2) return;
    const projects = Map.groupBy(modules, ({ project }) => project.name);
    const rows = [...projects].map(([name, members]) => sum(name, members.map(rowOf)));
    const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, slowestMax);
    print([...rows.toSorted(byName), sum('all', files)]);
    print(slowest);
  }
}

function rowOf(module: TestModule): Row {
  const { duration, collectDuration, setupDuration, prepareDuration } = module.diagnostic();
  const seconds = (duration + collectDuration + setupDuration + prepareDuration) / 1000;
  const { cpuSeconds = 0 } = module.meta();
  return { name: relative(process.cwd(), module.moduleId), seconds, cpuSeconds };
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
