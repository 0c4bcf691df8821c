// Pushes to a registry, and a registry on loopback for dry runs.
import { spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { findHelm } from '../helm.ts';
import { Problem } from '../problem.ts';
import { isInstalled, run } from './run.ts';

/** Plain HTTP is for loopback only. */
export const isLoopback = (registry: string) => /^(127\.0\.0\.1|localhost)(:|$|\/)/.test(registry);

/**
 * @param address 127.0.0.1 and a port
 * @returns a function that stops it
 */
export async function startRegistry(folder: string, address: string): Promise<() => void> {
  if (!isInstalled('docker-registry')) {
    throw new Problem('A dry run needs docker-registry: apt-get install docker-registry');
  }
  const data = join(folder, 'registry');
  mkdirSync(data, { recursive: true });
  const config = join(folder, 'registry.yml');
  writeFileSync(
    config,
    `version: 0.1
log: { level: error, accesslog: { disabled: true } }
storage: { filesystem: { rootdirectory: ${data} } }
http: { addr: ${address} }
`,
  );
  const log = join(folder, 'registry.log');
  const server = spawn('docker-registry', ['serve', config], {
    stdio: ['ignore', openSync(log, 'w'), openSync(log, 'a')],
  });
  while (!(await fetch(`http://${address}/v2/`).catch(() => undefined))?.ok) {
    if (server.exitCode !== null) throw new Problem(`docker-registry ended: see ${log}`);
    await setTimeout(50);
  }
  return () => void server.kill();
}

interface Image {
  /** Registry, name and tag. */
  name: string;
  /** Such as linux/amd64,linux/arm64. */
  platforms: string;
  epoch: number;
  version: string;
  revision: string;
  /** buildah, with its global flags. */
  buildah: string[];
  buildFlags: string[];
}

/** Builds the image for each platform, and pushes them as one. @returns its digest */
export function publishImage(image: Image, folder: string): string {
  const { name, platforms, epoch, version, revision, buildFlags } = image;
  const [program = 'buildah', ...flags] = image.buildah;
  const buildah = (...args: string[]) => run(program, [...flags, ...args]);
  const built = { VERSION: version, REVISION: revision, SOURCE_DATE_EPOCH: `${epoch}` };
  const args = Object.entries(built).flatMap(([key, value]) => ['--build-arg', `${key}=${value}`]);
  run(program, [...flags, 'manifest', 'rm', name], { mayFail: true });
  const common = ['--timestamp', `${epoch}`, '--platform', platforms, '--manifest', name];
  buildah('bud', ...common, ...args, ...buildFlags, '--file', 'service/Dockerfile', '.');
  const digestFile = join(folder, 'image.digest');
  const plain = isLoopback(name) ? ['--tls-verify=false'] : [];
  const push = ['manifest', 'push', '--all', '--digestfile', digestFile, ...plain];
  buildah(...push, name, `docker://${name}`);
  return readFileSync(digestFile, 'utf8').trim();
}

/** @returns the digest of the chart in the registry */
export function publishChart(archive: string, registry: string): string {
  const plain = isLoopback(registry) ? ['--plain-http'] : [];
  const said = run(findHelm(), ['push', archive, `oci://${registry}/charts`, ...plain]);
  const digest = /Digest: (sha256:\w+)/.exec(said)?.[1];
  if (!digest) throw new Error(`helm push of ${basename(archive)} names no digest:\n${said}`);
  return digest;
}
