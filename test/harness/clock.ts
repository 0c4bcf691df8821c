// Wall clocks of processes that can be set while they run, on Linux with a C compiler.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface Clock {
  /** For the environment of the processes that use it. */
  env: Record<string, string>;
  step(ms: number): void;
}

/** Undefined if this machine cannot. */
export function buildClocks() {
  if (process.platform !== 'linux') return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'mooring-clocks-'));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  const library = join(folder, 'clock.so');
  const args = ['-shared', '-fPIC', '-O2', '-o', library, 'test/harness/clock.c'];
  if (spawnSync('cc', args, { stdio: 'ignore' }).status !== 0) return void remove();
  return {
    create(name: string): Clock {
      const file = join(folder, name);
      let difference = 0n;
      const write = () => writeFileSync(file, new BigInt64Array([difference]), { flag: 'r+' });
      writeFileSync(file, new BigInt64Array(1));
      return {
        env: { LD_PRELOAD: library, CLOCK_FILE: file },
        step(ms) {
          difference += BigInt(ms);
          write();
        },
      };
    },
    remove,
  };
}
