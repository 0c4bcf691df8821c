// Workers on a node that is too slow to start one within the usual limit.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { connected } from '../harness/service.ts';
import { startWorkers } from '../harness/workers.ts';

const startMs = 35_000;

/** A tenth of a core, as with a limit of 100m: 10 ms of work, then 90 ms of nothing. */
const throttled = `
if (process.env.NODE_UNIQUE_ID) {
  const nothing = new Int32Array(new SharedArrayBuffer(4));
  const end = performance.now() + ${startMs};
  while (performance.now() < end) {
    const workUntil = performance.now() + 10;
    while (performance.now() < workUntil);
    Atomics.wait(nothing, 0, 0, 90);
  }
}`;

it('start although they take longer than a worker may be silent', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-slow-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'throttled.mjs');
  writeFileSync(path, throttled);
  const service = await startWorkers(
    { NODE_OPTIONS: `--import ${path}`, LOG_LEVEL: 'error' },
    200_000,
  );
  expect(service.output()).not.toContain('killing it');
  await connected(service.connect('alice'));
}, 240_000);
