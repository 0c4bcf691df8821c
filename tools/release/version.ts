// `make version NEW=0.2.0`: the version of package.json, written wherever it appears.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { Problem } from '../problem.ts';
import { run } from './run.ts';

const semver = /^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$/;
/** Where the version appears in files that are written by hand. */
const places = ['charts/mooring', 'docs', 'service/Dockerfile'];
const changelogs = ['CHANGELOG.md', 'service/adapter/CHANGELOG.md'];

export const currentVersion = (): string =>
  JSON.parse(readFileSync('package.json', 'utf8')).version;

/** Gives "Unreleased" of a changelog the version, and starts a new "Unreleased". */
export function withRelease(changelog: string, version: string, date: string): string {
  if (!changelog.includes('\n## Unreleased\n')) {
    throw new Problem('The changelog has no section "## Unreleased"');
  }
  return changelog.replace('\n## Unreleased\n', `\n## Unreleased\n\n## ${version} (${date})\n`);
}

function change(path: string, edit: (text: string) => string) {
  writeFileSync(path, edit(readFileSync(path, 'utf8')));
}

function main(next: string) {
  if (!semver.test(next))
    throw new Problem(`NEW=${next} is no version such as 0.2.0 or 1.0.0-rc.1`);
  const current = currentVersion();
  if (next === current) throw new Problem(`The version is ${current} already`);
  const found = execFileSync('git', ['grep', '-lF', current, '--', ...places], {
    encoding: 'utf8',
  });
  for (const path of found.trim().split('\n')) {
    change(path, (text) => text.replaceAll(current, next));
  }
  const today = new Date().toISOString().slice(0, 10);
  for (const path of changelogs) change(path, (text) => withRelease(text, next, today));
  const everywhere = ['--workspaces', '--include-workspace-root'];
  run('npm', ['version', next, '--no-git-tag-version', ...everywhere]);
  run('npm', ['run', '--silent', 'generate'], { show: true });
  console.log(`${current} -> ${next}. Read the diff, commit it, and tag the commit v${next}.`);
}

if (import.meta.main) {
  try {
    main(process.argv[2] ?? '');
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
