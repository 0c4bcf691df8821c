// Skaffold itself is not here: what it reads is checked against the chart and the image.
import { existsSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { valueNames } from '../../charts/tools/generated.ts';
import { only, render } from './render.ts';

const skaffold = parse(readFileSync('skaffold.yaml', 'utf8'));
const [release] = skaffold.deploy.helm.releases;
const [artifact] = skaffold.build.artifacts;

describe('skaffold.yaml', () => {
  it('builds the image that the chart runs', () => {
    const { image } = only(render(), 'Deployment', 'mooring').spec.template.spec.containers[0];
    expect(image.startsWith(`${artifact.image}:`)).toBe(true);
    expect(existsSync(artifact.docker.dockerfile)).toBe(true);
  });

  it('sets values that the chart has, from files that are there', () => {
    const set = Object.keys({ ...release.setValues, ...release.setValueTemplates });
    expect(valueNames('mooring')).toEqual(expect.arrayContaining(set));
    const patched = skaffold.profiles.flatMap(({ patches = [] }) => patches);
    const files = [release.valuesFiles, ...patched.map(({ value }: { value: string }) => value)];
    expect(files.flat().filter((file: string) => !existsSync(file))).toEqual([]);
  });

  it('has the profiles dev, kind and prod', () => {
    const names = skaffold.profiles.map(({ name }: { name: string }) => name);
    expect(names).toEqual(['dev', 'kind', 'prod']);
  });

  it('verifies with the client of helm test', () => {
    const [{ container, executionMode }] = skaffold.verify;
    const test = only(render(), 'Pod', 'mooring-test-service').spec.containers[0];
    expect(container.args).toEqual(test.args);
    const job = parse(readFileSync(executionMode.kubernetesCluster.jobManifestPath, 'utf8'));
    expect(job.spec.template.spec.containers[0].name).toBe(container.name);
  });
});
