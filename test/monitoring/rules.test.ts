import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { runbookOf } from '../../monitoring/alert.ts';
import { alerts } from '../../monitoring/alerts.ts';
import { generated } from '../../monitoring/generated.ts';
import { runbooks } from '../../monitoring/rules.ts';
import { cases } from './cases.ts';
import type { Case } from './healthy.ts';

const file = 'charts/mooring/rules/mooring.yaml';
const folder = mkdtempSync(join(tmpdir(), 'mooring-rules-'));
afterAll(() => rmSync(folder, { recursive: true }));

function promtool(...args: string[]) {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { ok: status === 0, text: stdout + stderr };
}

/** Which alerts fire, of all: a case that makes another one fire fails as well. */
function testOf({ series, at, fires }: Case, name: string) {
  return {
    interval: '1m',
    input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        // promtool shows the expression of what fails: the name is there to be found.
        expr: `count by (alertname) (ALERTS{alertstate="firing",case!="${name}"})`,
        eval_time: `${at}m`,
        exp_samples: fires.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 })),
      },
    ],
  };
}

const named = Object.entries(cases).flatMap(([alert, { firing, quiet }]) => [
  ...firing.map((one, i) => ({ ...one, name: `${alert} fires ${i}` })),
  ...quiet.map((one, i) => ({ ...one, name: `${alert} is quiet ${i}` })),
]);

/** All cases in one run; what it says of each that is wrong. */
function judgeAll(): string {
  const path = join(folder, 'test.yaml');
  const tests = named.map((one) => testOf(one, one.name));
  writeFileSync(path, stringify({ rule_files: [resolve(file)], evaluation_interval: '1m', tests }));
  return promtool('test', 'rules', path).text;
}

describe('generated files', () => {
  it.each([...generated()])('are up to date: %s; else run `make generate`', (path, content) => {
    expect(readFileSync(path, 'utf8')).toBe(content);
  });
});

describe('monitoring/write.ts', () => {
  it('links to runbooks of yours, into a folder of yours', () => {
    const args = ['monitoring/write.ts', '--runbooks', 'https://wiki.example/mooring'];
    const refused = spawnSync(process.execPath, args, { encoding: 'utf8' });
    expect(refused).toMatchObject({ status: 2, stderr: expect.stringContaining('--output') });
    expect(spawnSync(process.execPath, [...args, '--output', folder]).status).toBe(0);
    const rules = readFileSync(join(folder, 'rules/mooring.yaml'), 'utf8');
    expect(rules).toContain('runbook_url: https://wiki.example/mooring/redis-unavailable.md\n');
    expect(rules).not.toContain('runbook_url: docs');
  });
});

describe('the rule file', () => {
  it('is one that Prometheus takes', () => {
    expect(promtool('check', 'rules', file)).toMatchObject({ ok: true });
  });

  it('has alerts that say what to do, each with its page', () => {
    const rules = parse(readFileSync(file, 'utf8')).groups.flatMap(
      ({ rules }: { rules: { alert?: string }[] }) => rules.filter(({ alert }) => alert),
    );
    expect(rules).toHaveLength(alerts.length);
    for (const { alert, labels, annotations } of rules) {
      expect(['critical', 'warning']).toContain(labels.severity);
      expect(annotations.summary).toMatch(/^[A-Z]/);
      expect(annotations.description).toMatch(/\.$/);
      const page = runbookOf({ name: alert });
      const path = join(runbooks, page);
      expect(annotations.runbook_url).toBe(path);
      const text = existsSync(path) ? readFileSync(path, 'utf8') : `${path} is missing`;
      for (const title of [alert, 'What users notice', 'First look', 'Fix', 'When to escalate']) {
        expect(text).toContain(`# ${title}\n`);
      }
      expect(annotations.first_look.length).toBeGreaterThan(40);
      expect(text).toContain(annotations.first_look);
    }
  });
});

describe('promtool', () => {
  const said = judgeAll();

  it('has judged every case', () => {
    expect(said).toMatch(/SUCCESS|FAILED/);
  });

  it.each(named.map(({ name }) => name))('finds that %s', (name) => {
    const complaints = said.split('expr:').slice(1);
    expect(complaints.filter((complaint) => complaint.includes(`${name}\\"`))).toEqual([]);
  });

  it.each(alerts.map(({ name }) => name))('has seen %s fire and be quiet', (name) => {
    const { firing = [], quiet = [] } = cases[name] ?? {};
    expect(firing.filter(({ fires }) => fires.includes(name)).length).toBeGreaterThan(0);
    expect(quiet.filter(({ fires }) => !fires.includes(name)).length).toBeGreaterThan(0);
  });
});
