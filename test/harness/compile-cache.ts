// Processes that the tests start share compiled code: compiling it again would take most of their
// start.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../node_modules/.cache/compiled');

/** The first process fills the cache, because one that is killed writes nothing. */
export default function setup(): void {
  process.env.NODE_COMPILE_CACHE = folder;
  spawnSync(process.execPath, ['service/main.ts', '--help']);
}
