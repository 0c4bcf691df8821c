// Every scenario of ci/ and every way to install the chart, one after the other: `make e2e ALL=1`.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';
import { findHelm } from '../../tools/helm.ts';
import {
  apply,
  chart,
  get,
  helm,
  imageValues,
  install,
  kubectl,
  openNamespace,
  ready,
  run,
  swift,
  type Values,
  withoutVolume,
} from './cluster.ts';

const everything = process.env.ALL ?? '';
const scenarios = readdirSync(`${chart}/ci`).map((file) => file.replace('-values.yaml', ''));

/** What a scenario names and no cluster has: it is only rendered, and applied as a dry run. */
const notInstalled: Record<string, string> = {
  everything: 'a registry of its own',
  throwaway: 'a registry of its own',
  monitoring: 'a redis_exporter from the internet',
  connections: 'a redis_exporter from the internet',
  'pod-monitor': 'a redis_exporter from the internet',
  'external-redis': 'external-redis.e2e.ts has a Redis of its own',
  'redis-cluster': 'external-redis.e2e.ts has a Redis of its own',
  sentinel: 'external-redis.e2e.ts has a Redis of its own',
  'shared-redis': 'external-redis.e2e.ts has a Redis of its own',
};

/** What is left out of a scenario, so that pods can start here. */
const withoutStrangers: Record<string, Values> = {
  knobs: {
    ...{ initContainers: [], sidecars: [], extraEnvFrom: [] },
    podSecurityContext: { runAsUser: 10001 },
    service: { type: 'ClusterIP', loadBalancerClass: '', externalTrafficPolicy: '' },
    redis: {
      affinity: null,
      priorityClassName: '',
      podSecurityContext: { runAsUser: 10001, fsGroup: 10001 },
    },
    'ingress-nginx': { affinity: null, priorityClassName: '', service: { loadBalancerClass: '' } },
  },
  quota: { redis: { exporter: { enabled: false } } },
};

/** The chart refuses less with ingress-nginx, which takes that long to notice a pod. */
const swiftest: Values = { drain: { seconds: 1, settleSeconds: 5 } };

const quota = [
  {
    apiVersion: 'v1',
    kind: 'ResourceQuota',
    metadata: { name: 'quota' },
    spec: { hard: { 'limits.cpu': '20', 'limits.memory': '20Gi', 'requests.cpu': '8' } },
  },
];

describe.runIf(everything)('the chart', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;

  beforeEach(async () => {
    home = await openNamespace('matrix');
  });

  afterEach(() => home?.close());

  const secret = (name: string, data: Record<string, string>) => ({
    ...{ apiVersion: 'v1', kind: 'Secret' },
    ...{ metadata: { name, namespace: home.namespace }, stringData: data },
  });

  it.for(scenarios.filter((name) => !notInstalled[name]))(
    'becomes ready in %s',
    async (name, ctx) => {
      const { namespace } = home;
      const values = parse(readFileSync(`${chart}/ci/${name}-values.yaml`, 'utf8')) ?? {};
      const lacking = await unknownKinds(namespace, values);
      if (lacking.length > 0) ctx.skip(`the cluster has no ${lacking.join(', ')}`);
      await apply(
        secret('chat-auth', { 'jwt-secret': 'x'.repeat(64), 'api-key': 'k'.repeat(32) }),
        secret('chat-redis', { 'redis-password': 'password' }),
        ...(name === 'quota' ? quota : []).map((one) => ({
          ...one,
          metadata: { ...one.metadata, namespace },
        })),
      );
      const files = [swiftest, values, withoutStrangers[name] ?? {}, scratch, imageValues()];
      await installWith(namespace, files);
      await ready(namespace);
      await helm(['upgrade', 'mooring', chart, '-n', namespace, '--reuse-values', '-f', '-']);
    },
  );

  it('is installed twice in one namespace', async () => {
    const { namespace } = home;
    await install(namespace, { ...withoutVolume, ...swift });
    const args = ['install', 'other', chart, '-n', namespace, '-f', '-'];
    await helm(args, { ...imageValues(), ...withoutVolume, ...swift });
    await ready(namespace);
    await helm(['test', 'mooring', '-n', namespace]);
    await helm(['test', 'other', '-n', namespace]);
    await helm(['uninstall', 'other', '-n', namespace]);
  });

  it('is rolled back without touching what the autoscaler has set', async () => {
    const { namespace } = home;
    const small = { ...withoutVolume, ...swift, autoscaling: { min: 1, max: 4 } };
    await install(namespace, small);
    await install(namespace, { ...small, autoscaling: { min: 3, max: 4 } });
    const replicas = async () => (await get(namespace, 'deployment', 'mooring')).spec.replicas;
    await expect.poll(replicas, { timeout: 60_000, interval: 1_000 }).toBe(3);
    await helm(['rollback', 'mooring', '-n', namespace]);
    expect(await replicas()).toBe(3);
  });

  it('takes its secrets up again after an uninstall, by choice', async () => {
    const { namespace } = home;
    const kept = { ...withoutVolume, ...swift, global: { keepSecrets: true } };
    const secrets = async () =>
      Promise.all(['mooring', 'mooring-redis'].map((name) => get(namespace, 'secret', name)));
    await install(namespace, kept);
    const before = (await secrets()).map(({ data }) => data);
    await helm(['uninstall', 'mooring', '-n', namespace]);
    await install(namespace, kept);
    expect((await secrets()).map(({ data }) => data)).toEqual(before);
  });

  it('is part of an umbrella chart, switched on and off', async () => {
    const { namespace } = home;
    const folder = mkdtempSync(join(tmpdir(), 'mooring-umbrella-'));
    mkdirSync(join(folder, 'charts'));
    await run('cp', ['-r', chart, join(folder, 'charts')]);
    const version = parse(readFileSync(`${chart}/Chart.yaml`, 'utf8')).version;
    const dependencies = [{ name: 'mooring', version, condition: 'mooring.enabled' }];
    const umbrella = { apiVersion: 'v2', name: 'shop', version: '1.0.0', dependencies };
    writeFileSync(join(folder, 'Chart.yaml'), stringify(umbrella));
    const values = (enabled: boolean) => ({
      mooring: { ...imageValues(), ...withoutVolume, ...swift, enabled },
    });
    const args = ['upgrade', '--install', 'mooring', folder, '-n', namespace, '-f', '-'];
    await helm(args, values(true));
    await ready(namespace);
    await helm(args, values(false));
    expect((await get(namespace, 'deployments')).items).toEqual([]);
    rmSync(folder, { recursive: true });
  });
});

/** A cluster has only so many volumes, and these tests are not about drains. */
const scratch: Values = { redis: { persistence: { enabled: false } }, tests: { tokenSecret: '' } };

/** Later files win, value by value. */
async function installWith(namespace: string, files: Values[]) {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-values-'));
  const args = files.flatMap((values, i) => {
    const file = join(folder, `${i}.yaml`);
    writeFileSync(file, stringify(values));
    return ['-f', file];
  });
  await helm(['install', 'mooring', chart, '-n', namespace, ...args]);
  rmSync(folder, { recursive: true });
}

async function unknownKinds(namespace: string, values: Values): Promise<string[]> {
  const table = await kubectl('api-resources', '--no-headers');
  const known = table.split('\n').map((line) => line.trim().split(/\s+/));
  const ids = new Set(known.map((row) => `${row.at(-3)} ${row.at(-1)}`));
  const args = ['template', 'mooring', chart, '-n', namespace, '-f', '-'];
  const rendered = await run(findHelm(), args, stringify(values));
  const kinds = parseAllDocuments(rendered).flatMap((document) => {
    const { apiVersion, kind } = document.toJS() ?? {};
    return kind ? [`${apiVersion} ${kind}`] : [];
  });
  return [...new Set(kinds)].filter((id) => !ids.has(id));
}
