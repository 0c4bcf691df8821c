// The rules of the house that a program can check; CONTRIBUTING.md says why.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const fileLinesMax = 200;
const functionLinesMax = 60;
const lineLengthMax = 100;

const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((path) => /\.(ts|js)$/.test(path));
const sources = new Map(tracked.map((path) => [path, readFileSync(path, 'utf8')]));
const service = tracked.filter((path) => path.startsWith('service/') && path.endsWith('.ts'));

interface Import {
  target: string;
  typeOnly: boolean;
}

function importsOf(path: string): Import[] {
  const source = sources.get(path) ?? '';
  const statements = source.matchAll(/^(?:import|export)\s([^;]*?)from '([^']+)';/gms);
  return [...statements].map(([, names = '', from = '']) => ({
    target: from.startsWith('.') ? join(dirname(path), from) : from,
    typeOnly: names.trimStart().startsWith('type '),
  }));
}

const folderOf = (path: string) => path.split('/').slice(1, -1).join('/');
const isLeaf = (path: string) =>
  folderOf(path) === '' && !['service/main.ts', 'service/app.ts'].includes(path);

describe('imports', () => {
  it('point down: nothing but main imports app, nothing imports main', () => {
    for (const path of service) {
      for (const { target, typeOnly } of importsOf(path)) {
        if (typeOnly) continue;
        expect(`${path} -> ${target}`).not.toMatch(/-> service\/main\.ts$/);
        if (path !== 'service/main.ts') expect(`${path} -> ${target}`).not.toMatch(/app\.ts$/);
      }
    }
  });

  it('do not cross between folders; only app and main see several', () => {
    const crossings = service.filter((path) => !isLeaf(path) && folderOf(path) !== '');
    for (const path of crossings) {
      for (const { target, typeOnly } of importsOf(path)) {
        const folder = folderOf(target);
        const allowed = !target.startsWith('service/') || ['', folderOf(path)].includes(folder);
        // The primary answers on the operations port's terms before any worker does.
        // The adapter stands on its own; stores bring it into the service.
        const exception =
          (path === 'service/cluster/primary.ts' && folder === 'http') ||
          (folderOf(path) === 'stores' && folder === 'adapter');
        if (!typeOnly && !exception) expect(`${path} -> ${target}: ${allowed}`).toMatch(/true$/);
      }
    }
  });

  it('of a leaf reach protocol.ts at most, but for types and what it is made to serve', () => {
    const made: Record<string, string | string[]> = {
      'service/cli/help.ts': 'service/config/schema.ts',
      'service/config/schema.ts': ['service/config/types.ts', 'service/config/cross-checks.ts'],
      'service/config/cross-checks.ts': 'service/config/types.ts',
      'service/cli/development.ts': 'service/auth/tokens.ts',
    };
    for (const path of service.filter(isLeaf)) {
      for (const { target, typeOnly } of importsOf(path)) {
        if (typeOnly || !target.startsWith('service/')) continue;
        expect(['service/protocol/events.ts', made[path]].flat()).toContain(target);
      }
    }
  });

  it.each([
    ['redis', /^service\/(stores|adapter)\//],
    ['@socket.io/redis-adapter', /^service\/adapter\//],
    ['jsonwebtoken', /^service\/token\.ts$/],
    ['jose', /^service\/token\.ts$/],
    ['prom-client', /^service\/(metrics|snapshots)\.ts$/],
    ['pino', /^service\/log\.ts$/],
    ['@godaddy/terminus', /^service\/main\.ts$/],
    ['@socket.io/sticky', /^service\/cluster\//],
    ['socket.io-client', /^service\/check\//],
  ])('of %s are kept in one place', (name, place) => {
    const importers = service.filter((path) =>
      importsOf(path).some(({ target }) => target === name),
    );
    expect(importers).not.toHaveLength(0);
    expect(importers.filter((path) => !place.test(path))).toEqual([]);
  });

  it('of process.env, signals and exit stay in main.ts', () => {
    const offenders = service.filter(
      (path) =>
        path !== 'service/main.ts' &&
        /\bprocess\.(env|exit|on)\b/.test(sources.get(path) as string),
    );
    expect(offenders).toEqual([]);
  });
});

describe('the adapter', () => {
  it('imports nothing of Mooring', () => {
    for (const path of service.filter((path) => folderOf(path) === 'adapter')) {
      for (const { target } of importsOf(path)) {
        expect(`${path} -> ${target}`).not.toMatch(/-> service\/(?!adapter\/)/);
      }
    }
  });
});

describe('size', () => {
  it('of a file stays readable', () => {
    const long = tracked.filter((path) => linesOf(path).length > fileLinesMax);
    expect(long).toEqual([]);
  });

  it('of a function stays on one screen', () => {
    const long = tracked
      .filter((path) => !path.startsWith('test/'))
      .flatMap((path) => longFunctions(path));
    expect(long).toEqual([]);
  });

  it('of a line fits', () => {
    const long = tracked.flatMap((path) =>
      linesOf(path).flatMap((line, i) => (line.length > lineLengthMax ? `${path}:${i + 1}` : [])),
    );
    expect(long).toEqual([]);
  });
});

describe('names', () => {
  it('are nouns or verbs of the field', () => {
    const vague = /(utils?|helpers?|manager|service|common|base|impl|misc)\.(ts|js)$/;
    const offenders = tracked.filter((path) => vague.test(path) && !path.startsWith('test/'));
    expect(offenders).toEqual([]);
  });
});

describe('modules', () => {
  it('hold no state that changes', () => {
    const offenders = service.filter((path) => /^(let|var) /m.test(sources.get(path) as string));
    expect(offenders).toEqual([]);
  });
});

function linesOf(path: string): string[] {
  return (sources.get(path) ?? '').trimEnd().split('\n');
}

/** Top-level functions by their indentation, which the formatter keeps. */
function longFunctions(path: string): string[] {
  const lines = linesOf(path);
  return lines.flatMap((line, start) => {
    if (!/^(export )?(default )?(async )?function |^(export )?const \w+.* => \{$/.test(line))
      return [];
    const end = lines.findIndex((other, i) => i > start && /^\}/.test(other));
    return end - start + 1 > functionLinesMax ? `${path}:${start + 1}` : [];
  });
}
