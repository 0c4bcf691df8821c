// Tells the reporter how much processor time a test file took, with the processes that it started.
import { afterAll, beforeEach, type RunnerTestFile } from 'vitest';
import { cpuSecondsOf } from './cpu-seconds.ts';

declare module 'vitest' {
  interface TaskMeta {
    cpuSeconds?: number;
  }
}

const counted = Symbol.for('mooring.cpuSeconds'); // a worker runs more than one file
let file: RunnerTestFile | undefined;

beforeEach(({ task }) => {
  file = task.file;
});

afterAll(() => {
  const total = cpuSecondsOf('self');
  if (file) file.meta.cpuSeconds = total - (Reflect.get(globalThis, counted) ?? 0);
  Reflect.set(globalThis, counted, total);
});
