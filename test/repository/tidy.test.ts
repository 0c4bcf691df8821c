// The rules that a program can check; CONTRIBUTING.md says why.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const fileLinesMax = 300;
const functionLinesMax = 70;
/** Longer, for a reason: each is one idea. */
const longOnes = [
  'service/app.ts', // the composition root reads like a table of contents
  'service/config/schema.ts', // one entry for each variable
  'service/adapter/adapter.ts', // one method for each call of Socket.IO
  'service/adapter/engine/redis/engine.ts', // composes the engine
  'service/adapter/socketio-internals.ts', // every private member of Socket.IO in one place
  'service/adapter/stream/channels.ts', // composes what one namespace listens to
  'service/adapter/stream/stream.ts', // composes the stream
  'service/adapter/test/engine.test.ts', // one suite for all engines
  'service/config/schema.ts', // one entry for each setting
];
const lineLengthMax = 100;

const tracked = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { encoding: 'utf8' })
  .split('\n')
  .filter((path) => /\.(ts|js)$/.test(path));
const sources = new Map(tracked.map((path) => [path, readFileSync(path, 'utf8')]));
const service = tracked.filter((path) => /^service\/(?!adapter\/test\/).*\.ts$/.test(path));

function importsOf(path: string): { target: string }[] {
  const source = sources.get(path) ?? '';
  const statements = source.matchAll(/^(?:import|export)\s[^;]*?from '([^']+)';/gms);
  return [...statements].map(([, from = '']) => ({
    target: from.startsWith('.') ? join(dirname(path), from) : from,
  }));
}

/** Folders and files from the ground up: each imports from itself or from lower layers. */
const layers = {
  'service/': [
    ['adapter', 'lib', 'config', 'protocol'],
    ['telemetry'],
    ['stores'],
    ['application'],
    ['auth'],
    ['sockets', 'chat', 'api', 'fleet'],
    ['app.ts'],
    ['cli', 'cluster'],
    ['main.ts'],
  ],
  'service/adapter/': [
    ['socketio-internals.ts'],
    ['delivery'],
    ['options.ts'],
    ['engine'],
    ['session'],
    ['stream'],
    ['adapter.ts'],
    ['index.ts'],
  ],
};

describe('imports', () => {
  it.each(Object.entries(layers))('in %s point down, types included', (folder, order) => {
    const partOf = (path: string) => path.slice(folder.length).split('/')[0] as string;
    const layerOf = (path: string) => order.findIndex((parts) => parts.includes(partOf(path)));
    const files = service.filter((path) => path.startsWith(folder));
    const unknown = files.filter((path) => layerOf(path) < 0);
    expect(unknown, 'in no layer: see ARCHITECTURE.md').toEqual([]);
    const climbs = files.flatMap((path) =>
      importsOf(path)
        .filter(({ target }) => target.startsWith(folder) && partOf(target) !== partOf(path))
        .filter(({ target }) => layerOf(target) >= layerOf(path))
        .map(({ target }) => `${path} -> ${target}`),
    );
    expect(climbs).toEqual([]);
  });

  it('form no circle, types included', () => {
    expect(circlesIn(tracked)).toEqual([]);
  });

  it.each([
    ['@redis/client', /^service\/(stores|adapter)\//],
    ['@socket.io/redis-adapter', /^service\/adapter\//],
    ['jsonwebtoken', /^service\/auth\/(tokens|signatures)\.ts$/],
    ['jose', /^service\/auth\/(tokens|keys|signatures)\.ts$/],
    ['prom-client', /^service\/telemetry\/(definitions|metrics|aggregate)\.ts$/],
    ['pino', /^service\/telemetry\/log\.ts$/],
    ['@godaddy/terminus', /^service\/main\.ts$/],
    ['@socket.io/sticky', /^service\/cluster\//],
    ['socket.io-client', /^service\/cli\//],
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
        !/^service\/(cli\/load\/)?main\.ts$/.test(path) &&
        /\bprocess\.(env|exit|on)\b/.test(sources.get(path) as string),
    );
    expect(offenders).toEqual([]);
  });
});

describe('the adapter', () => {
  it('imports nothing of Mooring', () => {
    for (const path of service.filter((path) => path.startsWith('service/adapter/'))) {
      for (const { target } of importsOf(path)) {
        expect(`${path} -> ${target}`).not.toMatch(/-> service\/(?!adapter\/)/);
      }
    }
  });
});

describe('size', () => {
  it('of a file stays readable', () => {
    const long = tracked
      .filter((path) => !longOnes.includes(path))
      .filter((path) => linesOf(path).length > fileLinesMax);
    expect(long).toEqual([]);
  });

  it('of a function stays on one screen', () => {
    const long = tracked
      .filter((path) => !/^test\/|\/test\//.test(path) && !longOnes.includes(path))
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
    const offenders = tracked.filter((path) => vague.test(path) && !/^test\/|\/test\//.test(path));
    expect(offenders).toEqual([]);
  });
});

describe('modules', () => {
  it('hold no state that changes', () => {
    const offenders = service.filter((path) => /^(let|var) /m.test(sources.get(path) as string));
    expect(offenders).toEqual([]);
  });
});

/** What may sleep, and why. */
const sleepers = {
  'service/adapter/test/rooms.test.ts': 'the moment between a leave and a join is what it varies',
};

describe('tests', () => {
  const tests = tracked.filter((path) => path.endsWith('.test.ts'));
  const offenders = (pattern: RegExp) =>
    tests.filter((path) => pattern.test(sources.get(path) as string)).toSorted();

  it('wait for events and conditions, and do not sleep', () => {
    const sleeping = /\bsetTimeout(\(| as |,? \}|\b.* from )/;
    expect(offenders(sleeping)).toEqual(Object.keys(sleepers));
  });

  it('assert no time that passed', () => {
    expect(offenders(/expect\((Date|performance)\.now\(\) -/)).toEqual([]);
  });
});

/** Each circle of imports once, as the files on its way. */
function circlesIn(paths: string[]): string[] {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (path: string, way: string[]) => {
    const start = way.indexOf(path);
    if (start >= 0) circles.push([...way.slice(start), path].join(' -> '));
    if (start >= 0 || done.has(path)) return;
    for (const { target } of importsOf(path)) visit(target, [...way, path]);
    done.add(path);
  };
  for (const path of paths) visit(path, []);
  return circles;
}

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
