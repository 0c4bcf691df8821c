// The machine of a measurement.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { requirePrograms } from '../tools/programs.ts';

const require = createRequire(import.meta.url);
const packages = [
  'socket.io',
  'socket.io-adapter',
  '@socket.io/redis-adapter',
  '@redis/client',
  'ws',
];

export async function describeMachine() {
  const redis = (await requirePrograms(['redis-server'], true))['redis-server'];
  const redisVersion = execFileSync(redis, ['--version'], { encoding: 'utf8' });
  return {
    cores: cpus().length,
    processor: cpus()[0]?.model ?? 'unknown',
    memoryGigabytes: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    redis: /v=([\d.]+)/.exec(redisVersion)?.[1] ?? 'unknown',
    packages: Object.fromEntries(packages.map((name) => [name, versionOf(name)])),
    /** Load average of the minute before, to show what else was running. */
    loadBefore: loadavg()[0] ?? 0,
  };
}

export type Machine = Awaited<ReturnType<typeof describeMachine>>;

function versionOf(name: string): string {
  const main = require.resolve(name);
  const root = main.slice(0, main.lastIndexOf(`node_modules/${name}/`));
  return JSON.parse(readFileSync(`${root}node_modules/${name}/package.json`, 'utf8')).version;
}
