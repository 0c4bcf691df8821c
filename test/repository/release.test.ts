import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { packageChart } from '../../tools/release/artifacts.ts';
import { notesOf } from '../../tools/release/notes.ts';
import { isLoopback } from '../../tools/release/registry.ts';
import { currentVersion, withRelease } from '../../tools/release/version.ts';

function scratch() {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-release-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const version = currentVersion();
const source = 'https://github.com/acme/mooring';
const packaged = (folder: string) =>
  packageChart({ folder, epoch: 1_700_000_000, version, source }, 'ghcr.io/acme');

it('packages the chart with the same bytes each time', () => {
  const [first, second] = [packaged(scratch()), packaged(scratch())];
  expect(readFileSync(first).equals(readFileSync(second))).toBe(true);
});

it('packages a chart that pulls the image from the registry of the release', () => {
  const archive = packaged(scratch());
  const read = (path: string) =>
    execFileSync('tar', ['-xzOf', archive, `mooring/${path}`], { encoding: 'utf8' });
  expect(parse(read('values.yaml')).image).toMatchObject({
    registry: 'ghcr.io/acme',
    repository: 'mooring',
  });
  expect(parse(read('Chart.yaml'))).toMatchObject({ home: source, sources: [source] });
  expect(parse(read('Chart.yaml')).annotations['artifacthub.io/images']).toContain(
    `image: ghcr.io/acme/mooring:${version}`,
  );
});

it('gives unreleased changes the version, and finds them again as release notes', () => {
  const changelog = '# Changelog\n\n## Unreleased\n\n- New.\n\n## 0.1.0 (2026-01-01)\n\n- Old.\n';
  const released = withRelease(changelog, '0.2.0', '2026-12-01');
  expect(released).toContain('## Unreleased\n\n## 0.2.0 (2026-12-01)\n\n- New.');
  expect(notesOf(released, '0.2.0')).toBe('- New.');
  expect(notesOf(released, '0.1.0')).toBe('- Old.');
  expect(notesOf(released, '0.3.0')).toBeUndefined();
  expect(() => withRelease('# Changelog\n', '0.2.0', '2026-12-01')).toThrow(
    'no section "## Unreleased"',
  );
});

it('keeps one version in every package and changelog', () => {
  const adapter = JSON.parse(readFileSync('service/adapter/package.json', 'utf8'));
  expect(adapter.version).toBe(version);
  for (const path of ['CHANGELOG.md', 'service/adapter/CHANGELOG.md']) {
    expect(readFileSync(path, 'utf8'), path).toContain('\n## Unreleased\n');
  }
});

it.each([
  ['127.0.0.1:5000', true],
  ['localhost:5000/team', true],
  ['localhost.example.com', false],
  ['ghcr.io/acme', false],
  ['127.0.0.1.example.com', false],
])('takes %s for loopback: %s', (registry, loopback) => {
  expect(isLoopback(registry)).toBe(loopback);
});

it('refuses a dry run into a public registry', () => {
  const env = { ...process.env, DRY: '1', REGISTRY: 'ghcr.io/acme' };
  expect(() =>
    execFileSync(process.execPath, ['tools/release/main.ts'], { env, stdio: 'pipe' }),
  ).toThrow('DRY=1 never pushes to ghcr.io/acme');
});

it('runs only targets of the Makefile in the workflows', () => {
  const targets = /^\.PHONY: (.*)$/m.exec(readFileSync('Makefile', 'utf8'))?.[1]?.split(' ');
  for (const name of ['ci', 'e2e', 'release']) {
    const workflow = readFileSync(`.github/workflows/${name}.yml`, 'utf8');
    for (const [, target] of workflow.matchAll(/\bmake ([a-z0-9]+)/g))
      expect(targets).toContain(target);
  }
});
