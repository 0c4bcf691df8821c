// What lies in k8s/: the chart rendered for those without Helm, as a base and what overlays change.
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parseAllDocuments, stringify } from 'yaml';
import { findHelm } from '../../tools/helm.ts';

const root = join(import.meta.dirname, '../..');
export const overlays = ['kind', 'production'] as const;

export interface Manifest {
  kind: string;
  metadata: { name: string; labels?: Record<string, string> };
  [field: string]: unknown;
}

/** Path to content. */
export function manifestFiles(): Map<string, string> {
  const base = renderFor();
  const files = new Map([[join(root, 'k8s/base/mooring.yaml'), documents(base)]]);
  for (const name of overlays) {
    const wanted = renderFor(name);
    const folder = join(root, 'k8s/overlays', name);
    files.set(join(folder, 'patches.yaml'), documents(patches(base, wanted)));
    // In a file with other patches, a deletion breaks kustomize before 5.6.
    const gone = base.filter((one) => !wanted.some((other) => same(one, other))).map(deletion);
    if (gone.length > 0) files.set(join(folder, 'removed.yaml'), documents(gone));
    const added = wanted.filter((one) => !base.some((other) => same(one, other)));
    // Older kustomize breaks on a file without an object.
    if (added.length > 0) files.set(join(folder, 'added.yaml'), documents(added));
  }
  return files;
}

/** The objects of the base, or of an overlay, as the chart renders them. */
export function renderFor(overlay?: (typeof overlays)[number]): Manifest[] {
  const files = [join(root, 'k8s/base/values.yaml')];
  if (overlay) files.push(join(root, 'k8s/overlays', overlay, 'values.yaml'));
  const values = files.flatMap((file) => ['--values', file]);
  const text = execFileSync(
    findHelm(),
    ['template', 'mooring', 'charts/mooring', '--namespace', 'mooring', '--skip-tests', ...values],
    { cwd: root, encoding: 'utf8' },
  );
  return parseAllDocuments(text)
    .map((document) => withoutHelm(document.toJS()))
    .toSorted((a, b) => idOf(a).localeCompare(idOf(b)));
}

const idOf = ({ kind, metadata }: Manifest) => `${kind}/${metadata.name}`;
const same = (one: Manifest, other: Manifest) => idOf(one) === idOf(other);

function withoutHelm(manifest: Manifest): Manifest {
  const { labels = {} } = manifest.metadata;
  delete labels['helm.sh/chart'];
  delete labels['app.kubernetes.io/managed-by'];
  return manifest;
}

/** Replaces the fields that differ as wholes. */
function patches(base: Manifest[], wanted: Manifest[]): object[] {
  return base.flatMap((before) => {
    const { apiVersion, kind, metadata } = before;
    const target = { apiVersion, kind, metadata: { name: metadata.name } };
    const after = wanted.find((one) => same(one, before));
    if (!after) return [];
    const changed = Object.keys(after).filter(
      (field) => !isDeepStrictEqual(before[field], after[field]),
    );
    if (changed.length === 0) return [];
    const fields = changed.map((field) => [field, replacement(after[field] as object)]);
    return [{ ...target, ...Object.fromEntries(fields) }];
  });
}

const deletion = ({ apiVersion, kind, metadata: { name } }: Manifest) => ({
  $patch: 'delete',
  apiVersion,
  kind,
  metadata: { name },
});

const replacement = (value: object) => ({ $patch: 'replace', ...value });

function documents(manifests: object[]): string {
  const head = '# Written by `make k8s`; do not edit.\n';
  return head + manifests.map((one) => `---\n${stringify(one, { lineWidth: 0 })}`).join('');
}
