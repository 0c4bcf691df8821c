// `make release`: builds everything that a release publishes, and publishes it. DRY=1 publishes to
// a registry on loopback, and neither to npm nor to GitHub.
import { createHash } from 'node:crypto';
import { appendFileSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { Problem } from '../problem.ts';
import { packAdapter, packageChart } from './artifacts.ts';
import { notesOf } from './notes.ts';
import { isLoopback, publishChart, publishImage, startRegistry } from './registry.ts';
import { run } from './run.ts';
import { signatures } from './sign.ts';
import { currentVersion } from './version.ts';

const { env } = process;
const dry = Boolean(env.DRY);
const folder = 'dist/release';
const words = (text: string) => text.split(/\s+/).filter(Boolean);

async function main() {
  const version = currentVersion();
  const registry = env.REGISTRY || (dry ? '127.0.0.1:5000' : '');
  if (!registry) throw new Problem('Give the registry to push to: REGISTRY=ghcr.io/acme');
  if (dry && !isLoopback(registry)) throw new Problem(`DRY=1 never pushes to ${registry}`);
  const notes = releaseNotes(version);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const stop = dry && !env.REGISTRY ? await startRegistry(folder, registry) : () => {};
  try {
    publish(version, registry, notes);
  } finally {
    stop();
  }
}

function releaseNotes(version: string): string {
  if (!dry && run('git', ['status', '--porcelain']).trim()) {
    throw new Problem('There are changes that are not committed');
  }
  const changelog = readFileSync('CHANGELOG.md', 'utf8');
  const notes = notesOf(changelog, version) ?? (dry ? notesOf(changelog, 'Unreleased') : undefined);
  if (notes === undefined) {
    throw new Problem(
      `CHANGELOG.md has no section for ${version}: run make version NEW=${version}`,
    );
  }
  return notes;
}

function publish(version: string, registry: string, notes: string) {
  const epoch = Number(run('git', ['log', '-1', '--format=%ct']));
  const revision = run('git', ['rev-parse', 'HEAD']).trim();
  const image = `${registry}/mooring`;
  const { GITHUB_SERVER_URL: server, GITHUB_REPOSITORY: repository } = env;
  const source = env.SOURCE || (server && repository && `${server}/${repository}`);
  const sign = signatures(folder, dry);

  const chart = packageChart({ folder, epoch, version, source }, registry);
  const adapter = packAdapter({ folder, epoch, version });
  const imageDigest = publishImage(
    {
      name: `${image}:${version}`,
      platforms: env.PLATFORMS || 'linux/amd64,linux/arm64',
      epoch,
      version,
      revision,
      buildah: words(env.BUILDAH || 'buildah'),
      buildFlags: words(env.BUILD_FLAGS ?? ''),
    },
    folder,
  );
  const chartDigest = publishChart(chart, registry);
  sign(`${image}@${imageDigest}`);
  sign(`${registry}/charts/mooring@${chartDigest}`);

  const npm = ['publish', adapter, '--access', 'public'];
  run('npm', [...npm, ...(dry ? ['--dry-run'] : ['--provenance'])]);

  const sums = [chart, adapter].map((path) => `${sha256(path)}  ${basename(path)}`);
  sums.push(`${imageDigest.slice(7)}  ${image}:${version}`);
  sums.push(`${chartDigest.slice(7)}  oci://${registry}/charts/mooring:${version}`);
  const checksums = join(folder, 'checksums.txt');
  writeFileSync(checksums, `${sums.join('\n')}\n`);
  const notesFile = join(folder, 'notes.md');
  writeFileSync(notesFile, `${notes}\n`);
  const files = [chart, adapter, checksums];
  if (!dry) run('gh', ['release', 'create', `v${version}`, ...files, '--notes-file', notesFile]);
  console.log(sums.join('\n'));
  if (env.GITHUB_OUTPUT) {
    appendFileSync(env.GITHUB_OUTPUT, `image=${image}\ndigest=${imageDigest}\n`);
  }
}

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

try {
  await main();
} catch (error) {
  if (!(error instanceof Problem)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
