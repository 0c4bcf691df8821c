// The wall clock of a process, stepped while the process runs. Intervals stay as they are, as on a
// host whose clock is set.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export const hourMs = 3_600_000;

/** @returns the environment of the process, and what steps its clock */
export function steppedClock() {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-clock-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const [file, next] = [join(folder, 'offset'), join(folder, 'next')];
  const step = (ms: number) => {
    writeFileSync(next, `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1_000}\n`);
    renameSync(next, file); // read at any time
  };
  step(0);
  const { stdout } = spawnSync('faketime', ['-m', '-f', '+0', 'printenv', 'LD_PRELOAD'], {
    encoding: 'utf8',
  });
  const env = {
    LD_PRELOAD: stdout.trim(),
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
  return { env, /** Sets how far the clock is ahead. */ step };
}
