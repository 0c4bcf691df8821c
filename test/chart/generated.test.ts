import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { charts, generated, valueNames } from '../../charts/tools/generated.ts';
import { settings } from '../../service/config/schema.ts';
import { chart, scenario, scenarios } from './render.ts';

describe('what is generated from values.yaml', () => {
  it.each([...generated()])('is up to date: %s; else run `make generate`', (file, content) => {
    expect(readFileSync(file, 'utf8')).toBe(content);
  });

  it('knows every variable of the service, its own ones apart', () => {
    const schema = JSON.parse(readFileSync(join(chart, 'values.schema.json'), 'utf8'));
    const known = Object.keys(schema.properties.config.properties);
    expect(known).toContain('WORKERS');
    expect(known).not.toContain('JWT_SECRET');
    expect(Object.keys(settings.shape)).toEqual(expect.arrayContaining(known));
  });
});

describe.each(Object.entries(charts))('values of %s', (name, folder) => {
  const templates = readdirSync(join(folder, 'templates'), { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(yaml|tpl|txt)$/.test(file))
    .map((file) => readFileSync(join(folder, 'templates', file), 'utf8'))
    .join('\n');
  const names = valueNames(name as keyof typeof charts);

  it('are all used by a template', () => {
    const unused = names.filter((path) => !templates.includes(path.split('.').at(-1) as string));
    expect(unused.filter((path) => path !== 'enabled')).toEqual([]); // Helm reads that one
  });

  it('are all declared', () => {
    const groups = names.map((path) => path.split('.')[0]);
    const used = [...templates.matchAll(/\.Values\.([A-Za-z]+)/g)].map(([, key]) => key as string);
    const known = new Set([...groups, 'config', 'global', 'redis', 'rendered']);
    expect(used.filter((key) => !known.has(key))).toEqual([]);
  });

  it('are all set by a scenario in ci/', () => {
    const set = scenarios.flatMap((one) => leaves(partOf(scenario(one), name)));
    const untried = names.filter((path) => !set.some((key) => within(key, path)));
    expect(untried).toEqual([]);
  });
});

const within = (key: string, path: string) => key === path || key.startsWith(`${path}.`);

const partOf = (values: Record<string, unknown>, name: string) =>
  name === 'mooring' ? values : ((values[name] ?? {}) as Record<string, unknown>);

function leaves(value: unknown, path = ''): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [path];
  return Object.entries(value).flatMap(([key, child]) => [
    ...(path ? [path] : []),
    ...leaves(child, path ? `${path}.${key}` : key),
  ]);
}
