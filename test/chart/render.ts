// The chart as Helm renders it.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { findHelm } from '../../tools/helm.ts';

export const chart = join(import.meta.dirname, '../../charts/mooring');
export const scenarios = readdirSync(join(chart, 'ci')).map((file) =>
  file.replace('-values.yaml', ''),
);

// biome-ignore lint/suspicious/noExplicitAny: manifests have as many shapes as kinds
export type Manifest = any;
export type Values = Record<string, unknown>;

interface Release {
  name?: string;
  namespace?: string;
  /** What the cluster serves beside the APIs of every Kubernetes. */
  apiVersions?: string[];
}

export const scenario = (name: string): Values =>
  parse(readFileSync(join(chart, `ci/${name}-values.yaml`), 'utf8'));

/** What Helm says: the rendered text, or its complaint. */
export function template(values: Values, release: Release = {}) {
  const { name = 'mooring', namespace = 'chat', apiVersions = [] } = release;
  const served = apiVersions.flatMap((version) => ['--api-versions', version]);
  const args = ['template', name, chart, '--namespace', namespace, ...served, '--values', '-'];
  return helm(args, values);
}

/** @throws what Helm complains about */
export function render(values: Values = {}, release: Release = {}): Manifest[] {
  const { ok, text } = template(values, release);
  if (!ok) throw new Error(text);
  return parseAllDocuments(text)
    .map((document) => document.toJS())
    .filter(Boolean);
}

const answers = new Map<string, { ok: boolean; text: string }>();

/** The same question is asked once. */
export function helm(args: string[], values: Values = {}) {
  const question = JSON.stringify([args, values]);
  const answer = answers.get(question) ?? ask(args, values);
  answers.set(question, answer);
  return answer;
}

function ask(args: string[], values: Values) {
  const { status, stdout, stderr } = spawnSync(findHelm(), args, {
    input: stringify(values),
    encoding: 'utf8',
    env: { PATH: process.env.PATH, HOME: process.env.HOME, KUBECONFIG: '/dev/null' },
  });
  return { ok: status === 0, text: status === 0 ? stdout : stderr };
}

/** @throws when there is not exactly one */
export function only(manifests: Manifest[], kind: string, name?: string): Manifest {
  const found = all(manifests, kind).filter((one) => !name || one.metadata.name === name);
  if (found.length !== 1) throw new Error(`${found.length} of ${kind} ${name ?? ''}`);
  return found[0];
}

export const all = (manifests: Manifest[], kind: string): Manifest[] =>
  manifests.filter((manifest) => manifest.kind === kind);

/** Pod templates and pods, by name. */
export function pods(manifests: Manifest[]): { name: string; spec: Manifest; labels: Manifest }[] {
  return manifests.flatMap((manifest) => {
    const pod = manifest.kind === 'Pod' ? manifest : manifest.spec?.template;
    if (!pod?.spec?.containers) return [];
    return [{ name: manifest.metadata.name, spec: pod.spec, labels: pod.metadata.labels }];
  });
}

interface SecretSource {
  secret: { name: string; optional?: boolean; items: { key: string; path: string }[] };
}

/** The files of a pod's secrets: of each its Secret, its key, and whether it may be missing. */
export function filesIn(spec: Manifest): Record<string, string> {
  const volume = spec.volumes.find(({ name }: { name: string }) => name === 'secrets');
  const files = (volume.projected.sources as SecretSource[]).flatMap(({ secret }) =>
    secret.items.map(({ key, path }) => [
      path,
      `${secret.name} ${key}${secret.optional ? ' optional' : ''}`,
    ]),
  );
  return Object.fromEntries(files);
}
