import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { all, chart, only, render, scenario, type Values } from './render.ts';

const namesOf = (metrics: Record<string, Record<string, { name: string }>>[]) =>
  metrics.map((one) => one.pods?.metric?.name ?? one.containerResource?.name);
const kinds = (manifests: { kind: string }[]) => manifests.map(({ kind }) => kind);
const replicasOf = (values: Record<string, unknown>) =>
  only(render(values), 'Deployment', 'mooring').spec.replicas;

describe('autoscaling', () => {
  it.each(['none', 'auto', 'resource', 'connections', 'keda'])(
    '%s: one owner of replicas',
    (mode) => {
      const keda = mode === 'keda' ? { prometheusUrl: 'http://prometheus' } : {};
      const manifests = render({ autoscaling: { mode, keda } });
      const owners = kinds(manifests).filter((kind) => /Autoscaler|ScaledObject/.test(kind));
      const replicas = replicasOf({ autoscaling: { mode, keda } });
      expect(owners.length + (replicas === undefined ? 0 : 1)).toBe(1);
    },
  );

  it('is on without a value: from two pods to ten, by CPU', () => {
    const { spec } = only(render(), 'HorizontalPodAutoscaler');
    expect(spec).toMatchObject({ minReplicas: 2, maxReplicas: 10 });
    expect(namesOf(spec.metrics)).toEqual(['cpu']);
    expect(replicasOf({})).toBeUndefined();
  });

  const custom = 'custom.metrics.k8s.io/v1beta1';
  const metrics = 'metrics.k8s.io/v1beta1';

  it.each([
    [[], ['cpu']],
    [[metrics], ['cpu']],
    [[custom], ['mooring_connections']],
    [
      [custom, metrics],
      ['mooring_connections', 'cpu'],
    ],
    [
      ['custom.metrics.k8s.io/v1beta2', metrics],
      ['mooring_connections', 'cpu'],
    ],
  ])('asks a cluster that serves %j for %j', (apiVersions, names) => {
    const { spec } = only(render({}, { apiVersions }), 'HorizontalPodAutoscaler');
    expect(namesOf(spec.metrics)).toEqual(names);
  });

  it('asks for the metrics that a mode names, whatever the cluster serves', () => {
    const release = { apiVersions: [custom, metrics] };
    const of = (mode: string) =>
      namesOf(
        only(render({ autoscaling: { mode } }, release), 'HorizontalPodAutoscaler').spec.metrics,
      );
    expect(of('resource')).toEqual(['cpu']);
    expect(of('connections')).toEqual(['mooring_connections', 'cpu']);
  });

  it('marks a Deployment whose replicas it leaves to the autoscaler', () => {
    const marks = (values: Values) =>
      only(render(values), 'Deployment', 'mooring').metadata.annotations;
    expect(marks({})).toEqual({ 'mooring/replicas': 'autoscaler' });
    expect(marks({ autoscaling: { mode: 'none' } })).toBeUndefined();
  });

  it('starts with two pods where nobody owns their number', () => {
    expect(replicasOf({ autoscaling: { mode: 'none' } })).toBe(2);
    expect(replicasOf({ autoscaling: { mode: 'none' }, replicas: 0 })).toBe(0);
  });

  it('does not take a burst of handshakes for load', () => {
    const { behavior } = only(render(), 'HorizontalPodAutoscaler').spec;
    expect(behavior.scaleUp.stabilizationWindowSeconds).toBe(90);
    const { resources } = only(render(), 'Deployment', 'mooring').spec.template.spec.containers[0];
    expect(resources.requests.cpu).toBe('250m');
  });

  it('on connections aims at the capacity beside CPU', () => {
    const { spec } = only(render(scenario('connections')), 'HorizontalPodAutoscaler');
    const [connections, cpu] = spec.metrics;
    expect(connections.pods.target).toEqual({ type: 'AverageValue', averageValue: '5000' });
    expect(cpu.containerResource).toMatchObject({ name: 'cpu', container: 'mooring' });
  });

  it('goes up by many at once, and down by one pod after a quiet while and a drain', () => {
    const { behavior } = only(render(scenario('connections')), 'HorizontalPodAutoscaler').spec;
    expect(behavior.scaleUp.policies).toContainEqual({ type: 'Pods', value: 4, periodSeconds: 30 });
    expect(behavior.scaleDown.stabilizationWindowSeconds).toBe(600);
    expect(behavior.scaleDown.policies).toEqual([{ type: 'Pods', value: 1, periodSeconds: 78 }]);
  });

  it('takes raw metrics and behavior', () => {
    const { spec } = only(render(scenario('shared-redis')), 'HorizontalPodAutoscaler');
    expect(spec.metrics).toHaveLength(1);
    expect(spec.behavior.scaleDown).toEqual({ stabilizationWindowSeconds: 60 });
  });

  it('with KEDA treats a missing answer as missing, not as zero', () => {
    const { spec } = only(render(scenario('keda')), 'ScaledObject');
    expect(spec.triggers[0].metadata.ignoreNullValues).toBe('false');
    expect(spec.fallback.behavior).toBe('currentReplicasIfHigher');
    expect(spec.triggers[0].metadata.query).toContain('namespace="chat", pod=~"mooring-.+"');
  });

  it('asks for metrics that the service has', async () => {
    const known = await createMetrics().text();
    const rules = readFileSync(`${chart}/files/prometheus-adapter-rules.yaml`, 'utf8');
    const { query } = only(render(scenario('keda')), 'ScaledObject').spec.triggers[0].metadata;
    const named = `${query}${rules}`.match(/mooring_\w+/g) ?? [];
    expect(named.length).toBeGreaterThan(3);
    for (const name of named) expect(known).toContain(`# TYPE ${name} `);
    expect(parse(rules).rules[0].name.as).toBe('mooring_connections');
  });
});

describe('the PodDisruptionBudget', () => {
  const budgets = (values: Values) =>
    all(render(values), 'PodDisruptionBudget').filter(
      ({ metadata }) => metadata.name === 'mooring',
    );

  it('lets one pod go at a time, and sick ones always', () => {
    expect(only(render(), 'PodDisruptionBudget', 'mooring').spec).toMatchObject({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    });
  });

  it('is not there for one pod, which it would keep from ever moving', () => {
    const fixed = { autoscaling: { mode: 'none' }, replicas: 1 };
    expect(budgets(fixed)).toEqual([]);
    const one = { autoscaling: { mode: 'resource', min: 1 } };
    expect(budgets(one)).toEqual([]);
  });
});
