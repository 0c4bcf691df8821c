// Every object that the chart renders, field by field: strictly, as the API server would.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv } from 'ajv';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parse } from 'yaml';
import { file, type Kinds } from '../../charts/tools/kubernetes.ts';
import { overlays, renderFor } from '../../charts/tools/manifests.ts';
import { type Manifest, only, render, scenario, scenarios, template } from './render.ts';

const { kinds, definitions }: Kinds = JSON.parse(readFileSync(file, 'utf8'));
const ajv = new Ajv({
  strict: false,
  allErrors: true,
  schemas: [{ $id: 'kubernetes', definitions }],
});
const idOf = ({ apiVersion, kind }: Manifest) => `${apiVersion} ${kind}`;

/** Kinds whose CRDs are in no registry that this project uses; compared with them by hand. */
const withoutSchema = ['BackendConfigPolicy', 'TrafficPolicy', 'UpstreamSettingsPolicy'];

/** @param channel whose CRDs of the Gateway API the cluster has */
function problems(manifests: Manifest[], channel = 'experimental'): string[] {
  return manifests.flatMap((manifest) => {
    if (withoutSchema.includes(manifest.kind)) return [];
    const name = `${manifest.kind}/${manifest.metadata.name}`;
    const definition = kinds[`${idOf(manifest)} ${channel}`] ?? kinds[idOf(manifest)];
    const validate = ajv.getSchema(`kubernetes#/definitions/${definition}`);
    if (!validate) return [`${name}: ${idOf(manifest)} is unknown; run npm run schemas`];
    validate(manifest);
    return (validate.errors ?? []).map(
      ({ instancePath, message, params }) =>
        `${name}: ${instancePath} ${message} ${JSON.stringify(params)}`,
    );
  });
}

describe('what is rendered is valid', () => {
  it.each(scenarios)('in scenario %s', (name) => {
    expect(problems(render(scenario(name)))).toEqual([]);
  });

  it.each(scenarios.filter((name) => name.startsWith('gateway-')))(
    'in scenario %s, with the standard channel of the Gateway API',
    (name) => {
      expect(problems(render(scenario(name)), 'standard')).toEqual([]);
      const [complaint] = problems(render(scenario('gateway')), 'standard');
      expect(complaint).toContain('sessionPersistence');
    },
  );

  it.each([undefined, ...overlays])('in k8s/, overlay %s', (overlay) => {
    expect(problems(renderFor(overlay))).toEqual([]);
  });

  it('in the Job of skaffold verify', () => {
    expect(problems([parse(readFileSync('k8s/verify.yaml', 'utf8'))])).toEqual([]);
  });

  it('and a misspelt or misplaced field is not', () => {
    const deployment = structuredClone(only(render(), 'Deployment', 'mooring'));
    const [container] = deployment.spec.template.spec.containers;
    container.readinessProbe.periodSecond = 1;
    deployment.spec.replicas = '3';
    const scaled = structuredClone(only(render(scenario('keda')), 'ScaledObject'));
    scaled.spec.fallback.failures = 3;
    expect(problems([deployment, scaled])).toEqual([
      expect.stringContaining('/spec/replicas must be integer'),
      expect.stringContaining('periodSecond'),
      expect.stringContaining('/spec/fallback must NOT have additional properties'),
    ]);
  });
});

// A second opinion: go install github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0
const kubeconform = process.env.KUBECONFORM ?? '';

it.runIf(kubeconform)('kubeconform finds nothing in any scenario', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-schemas-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const [id, name] of Object.entries(kinds)) {
    const [group = '', version, kind, channel] = id.split(/[ /]/);
    if (channel) continue; // a subset of the kind without it
    const parts = kind ? [kind, group.split('.')[0], version] : [version, group];
    const schema = { $ref: `#/definitions/${name}`, definitions };
    writeFileSync(join(folder, `${parts.join('-').toLowerCase()}.json`), JSON.stringify(schema));
  }
  const files = scenarios.map((name) => {
    const path = join(folder, `${name}.yaml`);
    writeFileSync(path, template(scenario(name)).text);
    return path;
  });
  const where = join(folder, '{{.ResourceKind}}{{.KindSuffix}}.json');
  const strictly = ['-strict', '-skip', withoutSchema.join(',')];
  const args = [...strictly, '-summary', '-output', 'json', '-schema-location', where];
  const { stdout } = spawnSync(kubeconform, [...args, ...files], { encoding: 'utf8' });
  const { resources, summary } = JSON.parse(stdout);
  const known = ({ kind }: Manifest) => !withoutSchema.includes(kind);
  const count = scenarios.flatMap((name) => render(scenario(name))).filter(known).length;
  expect([resources, summary.valid]).toEqual([[], count]);
});
