// Versions with fixed vulnerabilities, a small production tree, a quick start.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { cpuSecondsOf } from '../harness/cpu-seconds.ts';
import { startProcess, untilReady } from '../harness/service.ts';

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, { version: string; dev?: boolean; devOptional?: boolean; link?: true }>;
};
const installed = Object.entries(lock.packages).filter(
  ([path, { link }]) => path.startsWith('node_modules/') && !link, // not the workspaces
);
const nameOf = (path: string) => path.split('node_modules/').at(-1) as string;

const atLeast = (version: string, floor: string) =>
  version.localeCompare(floor, undefined, { numeric: true }) >= 0;

describe('the lock file', () => {
  it.each([
    ['ws', '8.23.0'], // a socket that pings without reading fills the memory below it
    ['engine.io', '6.6.7'],
    ['socket.io-parser', '4.2.7'],
  ])('holds %s at %s or newer, everywhere', (name, floor) => {
    const versions = installed.flatMap(([path, { version }]) =>
      nameOf(path) === name ? version : [],
    );
    expect(versions).not.toHaveLength(0);
    for (const version of versions) expect(atLeast(version, floor)).toBe(true);
  });

  it('has under sixty packages in production, each once', () => {
    const production = installed.filter(([, { dev, devOptional }]) => !dev && !devOptional);
    const names = production.map(([path]) => nameOf(path));
    const withoutTypes = names.filter((name) => !/^@types\/|^undici-types$/.test(name));
    expect(withoutTypes.length).toBeLessThan(60); // types are not copied into the image
    expect(new Set(names).size).toBe(names.length);
  });
});

describe('a cold start', () => {
  it.runIf(existsSync('/proc/self/stat'))(
    'costs at most forty times the processor time of an empty program',
    async () => {
      const { stdout } = spawnSync(
        process.execPath,
        ['-p', 'Object.values(process.cpuUsage()).reduce((a, b) => a + b) / 1e6'],
        {
          encoding: 'utf8',
          env: {},
        },
      );
      const service = await startProcess({ NODE_COMPILE_CACHE: '' });
      await untilReady(service.operationsUrl);
      const seconds = cpuSecondsOf(service.child.pid as number);
      expect(seconds).toBeGreaterThan(0);
      expect(seconds / Number(stdout)).toBeLessThan(40);
    },
  );
});
