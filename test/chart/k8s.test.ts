import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { type Manifest, manifestFiles, overlays, renderFor } from '../../charts/tools/manifests.ts';
import { findKubectl } from '../../tools/helm.ts';

const byHand = ['Namespace/mooring'].concat(
  ['ServiceAccount', 'Role', 'RoleBinding', 'Job'].map((kind) => `${kind}/mooring-secrets`),
);
const idOf = ({ kind, metadata }: Manifest) => `${kind}/${metadata.name}`;

function kustomize(folder: string): Manifest[] {
  const text = execFileSync(findKubectl(), ['kustomize', folder], { encoding: 'utf8' });
  return parseAllDocuments(text).map((document) => document.toJS());
}

describe('k8s/', () => {
  it.each([...manifestFiles()])('is up to date: %s; else run `make k8s`', (file, content) => {
    expect(readFileSync(file, 'utf8')).toBe(content);
  });

  it.each([undefined, ...overlays])(
    'overlay %s is what the chart renders, and what makes the secrets',
    (overlay) => {
      const built = kustomize(overlay ? `k8s/overlays/${overlay}` : 'k8s');
      const rendered = built.filter((one) => !byHand.includes(idOf(one)));
      expect(built.length - rendered.length).toBe(byHand.length);
      const expected = renderFor(overlay).map((one) => ({
        ...one,
        metadata: { ...one.metadata, namespace: 'mooring' },
      }));
      const sorted = rendered.toSorted((a, b) => idOf(a).localeCompare(idOf(b)));
      expect(sorted).toEqual(expected);
    },
  );

  it('holds no secret, and runs the generator with the image of the service', () => {
    const built = kustomize('k8s');
    expect(built.filter(({ kind }) => kind === 'Secret')).toEqual([]);
    const images = new Set(JSON.stringify(built).match(/mooring:\d[^"]*/g));
    expect(images.size).toBe(1);
  });
});
