// What may be in the dependencies: licenses, and programs that run while they are installed.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

interface Package {
  license?: string;
  dev?: boolean;
  devOptional?: boolean;
  link?: true;
  hasInstallScript?: true;
  resolved?: string;
  integrity?: string;
}

const lock = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
  packages: Record<string, Package>;
};
const installed = Object.entries(lock.packages).filter(
  ([path, { link }]) => path.startsWith('node_modules/') && !link,
);
const production = installed.filter(([, { dev, devOptional }]) => !dev && !devOptional);

const permissive = new Set(['MIT', 'ISC', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', '0BSD']);

describe('the dependencies', () => {
  it('that are in the image have licenses that allow everything but a missing notice', () => {
    expect(production.length).toBeGreaterThan(20);
    const others = production.filter(([, { license = '' }]) => !permissive.has(license));
    expect(others.map(([path, { license }]) => `${path}: ${license}`)).toEqual([]);
  });

  it('are pinned by digest, and none comes from elsewhere than a registry', () => {
    const unpinned = installed.filter(
      ([, { resolved = '', integrity = '' }]) =>
        !integrity.startsWith('sha512-') || !/^(https:.*\.tgz)?$/.test(resolved),
    );
    expect(unpinned.map(([path]) => path)).toEqual([]);
  });

  it('run no program when they are installed, except the pinned Node.js', () => {
    const { allowScripts } = JSON.parse(readFileSync('package.json', 'utf8'));
    expect(allowScripts).toEqual({ node: true });
    const scripts = production.filter(([, { hasInstallScript }]) => hasInstallScript);
    expect(scripts.map(([path]) => path)).toEqual([]);
    const commands = readFileSync('service/Dockerfile', 'utf8').match(/npm ci[^\n]*/g) ?? [];
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) expect(command).toContain('--ignore-scripts');
  });
});
