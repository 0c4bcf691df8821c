// Other builds of the service, to run beside this one: of another commit, or of changed sources.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { formats } from '../../service/adapter/delivery/formats.ts';

/** A folder with the service, and the packages of this one. */
export interface Build {
  folder: string;
  remove(): void;
}

const git = (...args: string[]) =>
  execFileSync('git', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

const usePackages = (folder: string) =>
  symlinkSync(resolve('node_modules'), join(folder, 'node_modules'));

/** A copy of this version's sources, in which `edits` replaces texts. */
function changedBuild(edits: Record<string, [before: string, after: string][]>): Build {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-build-'));
  for (const path of ['package.json', 'service', 'test/chaos/application.ts']) {
    cpSync(path, join(folder, path), {
      recursive: true,
      filter: (source) => !/node_modules|\bdist$/.test(source),
    });
  }
  for (const [path, replacements] of Object.entries(edits)) {
    let text = readFileSync(path, 'utf8');
    for (const [before, after] of replacements) {
      if (text.split(before).length !== 2) throw new Error(`${path} has not once: ${before}`);
      text = text.replace(before, () => after);
    }
    writeFileSync(join(folder, path), text);
  }
  usePackages(folder);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

const { newest } = formats;
const writes = '  payload.writeUInt16LE(long ? longHeader : jsonBytes, formatBytes);';
const reads = '  const bytes = payload.readUInt16LE(formatBytes);';

/** This version with one more format: an integer of its messages has the other byte order. */
export const nextBuild = () =>
  changedBuild({
    'service/adapter/delivery/formats.ts': [[`  newest: ${newest},`, `  newest: ${newest + 1},`]],
    'service/adapter/delivery/envelope.ts': [
      [writes, `if (format > ${newest}) ${writes.replace('LE', 'BE')} else ${writes}`],
      [reads, `${reads} if (payload[0] > ${newest}) return [3, 3 + payload.readUInt16BE(1)];`],
    ],
  });

/** The service at a commit. */
export function buildOf(commit: string): Build {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-build-'));
  git('worktree', 'add', '--detach', '--force', folder, commit);
  usePackages(folder);
  return {
    folder,
    remove() {
      rmSync(folder, { recursive: true, force: true });
      git('worktree', 'prune');
    },
  };
}

const formatsPaths = ['service/adapter/delivery/formats.ts', 'service/adapter/formats.ts'];

/**
 * The commit of the version before this one: VERSIONS_REF, or the last release, or until there is
 * one, the commit before the adapter knew formats. Throws if this clone does not have it.
 */
export function previousCommit(): { commit: string; knowsFormats: boolean } {
  if (git('rev-parse', '--is-shallow-repository') === 'true') {
    git('fetch', '--quiet', '--unshallow', '--tags');
  }
  const { VERSIONS_REF: ref = lastRelease() ?? beforeFormats() } = process.env;
  const commit = git('rev-parse', '--verify', `${ref}^{commit}`);
  return { commit, knowsFormats: git('ls-tree', commit, ...formatsPaths) !== '' };
}

const lastRelease = () =>
  git('tag', '--list', 'v*', '--sort=-v:refname').split('\n')[0] || undefined;

function beforeFormats(): string {
  const added = git('log', '--diff-filter=A', '--format=%H', '--', ...formatsPaths);
  if (added === '') throw new Error(`no commit adds ${formatsPaths[0]}`);
  return `${added.split('\n').at(-1)}^`;
}
