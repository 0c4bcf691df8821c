// The cluster of the current KUBECONFIG, through kubectl and helm.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { stringify } from 'yaml';
import { findHelm, findKubectl } from '../../tools/helm.ts';
import { ofThisRun } from './namespaces.ts';

export const chart = join(import.meta.dirname, '../../charts/mooring');
const { version } = JSON.parse(readFileSync('package.json', 'utf8'));

/** What the cluster's nodes have, or can fetch. */
export const image = process.env.IMAGE || `mooring:${version}`;

// biome-ignore lint/suspicious/noExplicitAny: the answers of an API with many shapes
export type Json = any;
export type Values = Record<string, unknown>;

/** @throws what the program wrote to stderr */
export async function run(program: string, args: string[], input = ''): Promise<string> {
  const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'pipe'] });
  const [out, error]: Buffer[][] = [[], []];
  child.stdout.on('data', (chunk) => out?.push(chunk));
  child.stderr.on('data', (chunk) => error?.push(chunk));
  child.stdin.on('error', () => {}); // it ended before it had read all
  child.stdin.end(input);
  const [status] = await once(child, 'close');
  const text = Buffer.concat(out ?? []).toString();
  if (status === 0) return text.trim();
  throw new Error(`${program} ${args.join(' ')}: ${Buffer.concat(error ?? [])}${text}`);
}

export const kubectl = (...args: string[]) => run(findKubectl(), args);
export const apply = (...objects: object[]) =>
  run(findKubectl(), ['apply', '-f', '-'], objects.map((one) => stringify(one)).join('---\n'));

export async function get(namespace: string, ...what: string[]): Promise<Json> {
  return JSON.parse(await kubectl('-n', namespace, 'get', ...what, '-o', 'json'));
}

/** A namespace of its own, under the strictest Pod Security Standard, and how to be rid of it. */
export async function openNamespace(purpose: string) {
  const namespace = `mooring-e2e-${purpose}-${Math.random().toString(36).slice(2, 6)}`;
  const labels = { ...ofThisRun(), 'pod-security.kubernetes.io/enforce': 'restricted' };
  await apply({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace, labels } });
  const close = async () => {
    await helm(['uninstall', 'mooring', '-n', namespace, '--ignore-not-found']);
    await kubectl('delete', 'namespace', namespace, '--wait=false'); // see namespaces.ts
  };
  return { namespace, close };
}

export const helm = (args: string[], values: Values = {}) =>
  run(findHelm(), args, stringify(values));

/** Without an ingress and an autoscaler, and small, for what is not about these. */
export const inside: Values = {
  autoscaling: { mode: 'none' },
  exposure: { mode: 'none' },
  'ingress-nginx': { enabled: false },
  resources: { requests: { cpu: '50m', memory: '128Mi' } },
  redis: { cpu: '50m' },
};

/** For what is not about data either: a cluster has only so many volumes. */
export const withoutVolume: Values = {
  ...inside,
  redis: { ...(inside.redis as object), persistence: { enabled: false } },
};

/** A new pod counts after eight seconds, not after the chart's 24: for what is not about these. */
export const swift: Values = { drain: { seconds: 1, settleSeconds: 1 } };

export async function install(namespace: string, values: Values = {}, folder = chart) {
  const args = ['upgrade', '--install', 'mooring', folder, '-n', namespace, '-f', '-'];
  await helm(args, { ...imageValues(), ...values });
  await ready(namespace);
}

/** None, when the image is the one the chart asks for anyway. */
export function imageValues(): Values {
  if (image === `mooring:${version}`) return {};
  const [, registry = '', repository = '', tag = ''] =
    /^(?:([^/]*[.:][^/]*)\/)?(.+?)(?::([^:/]+))?$/.exec(image) ?? [];
  return { image: { registry, repository, tag } };
}

/** Resolves when every pod that is asked for is there, and Redis where it is the release's. */
export async function ready(namespace: string) {
  const parts = 'app.kubernetes.io/component in (server, store)';
  await kubectl(
    ...['-n', namespace, 'rollout', 'status', 'deployment,statefulset', '-l', parts],
    '--timeout=180s',
  );
}

/** The pods of the service that are not about to go, oldest first. */
export async function serverPods(namespace: string): Promise<Json[]> {
  const selector = 'app.kubernetes.io/component=server';
  const { items } = await get(
    namespace,
    'pods',
    '-l',
    selector,
    '--sort-by=.metadata.creationTimestamp',
  );
  return items.filter((pod: Json) => !pod.metadata.deletionTimestamp);
}

/** Runs a script with Node inside the cluster. */
export const node = (namespace: string, target: string, script: string) =>
  kubectl('-n', namespace, 'exec', target, '--', 'node', '--input-type=module', '-e', script);

/** A port of this machine that leads to `target`. */
export async function portForward(namespace: string, target: string, port: number) {
  const args = ['-n', namespace, 'port-forward', target, `:${port}`];
  const child = spawn(findKubectl(), args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const local = await new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (chunk) => {
      const [, port] = /127\.0\.0\.1:(\d+) ->/.exec(String(chunk)) ?? [];
      if (port) resolve(port);
    });
    child.once('exit', () => reject(new Error(`no way to ${target} in ${namespace}`)));
  });
  return { url: `http://127.0.0.1:${local}`, close: () => child.kill() };
}

/** Asks again until it holds. @throws the last reason why it does not */
export async function eventually<T>(seconds: number, ask: () => Promise<T>): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(1000);
    }
  }
}

/** A figure for the report at the end of the log, with its file: another one runs beside it. */
export function note(text: string) {
  const file = basename(expect.getState().testPath ?? '', '.e2e.ts');
  process.stdout.write(`  · ${file}: ${text}\n`);
}

export async function timed<T>(what: string, work: () => Promise<T>): Promise<T> {
  const start = Date.now();
  const result = await work();
  note(`${what}: ${((Date.now() - start) / 1000).toFixed(1)} s`);
  return result;
}
