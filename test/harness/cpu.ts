// Tells the reporter how much processor time a test file took, with the processes that it started.
import { readFileSync } from 'node:fs';
import { afterAll, beforeEach, type RunnerTestFile } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    cpuSeconds?: number;
  }
}

const ticksPerSecond = 100; // on every Linux
const counted = Symbol.for('mooring.cpuSeconds'); // a worker may run more than one file

let file: RunnerTestFile | undefined;
beforeEach(({ task }) => {
  file = task.file;
});
afterAll(() => {
  const total = cpuSeconds();
  if (file) file.meta.cpuSeconds = total - (Reflect.get(globalThis, counted) ?? 0);
  Reflect.set(globalThis, counted, total);
});

/** Of this process and of its children that have ended; 0 where there is no /proc. */
function cpuSeconds(): number {
  try {
    const fields = readFileSync('/proc/self/stat', 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
  } catch {
    return 0;
  }
}
