import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { all, chart, only, render, scenario } from './render.ts';

const kinds = (manifests: { kind: string }[]) => manifests.map(({ kind }) => kind);
const replicasOf = (values: Record<string, unknown>) =>
  only(render(values), 'Deployment', 'mooring').spec.replicas;

describe('autoscaling', () => {
  it.each(['none', 'resource', 'connections', 'keda'])(
    'by %s leaves replicas to one owner',
    (mode) => {
      const keda = mode === 'keda' ? { prometheusUrl: 'http://prometheus' } : {};
      const manifests = render({ autoscaling: { mode, keda } });
      const owners = kinds(manifests).filter((kind) => /Autoscaler|ScaledObject/.test(kind));
      const replicas = replicasOf({ autoscaling: { mode, keda } });
      expect(owners.length + (replicas === undefined ? 0 : 1)).toBe(1);
    },
  );

  it('on connections aims at the capacity beside CPU', () => {
    const { spec } = only(render(scenario('connections')), 'HorizontalPodAutoscaler');
    const [connections, cpu] = spec.metrics;
    expect(connections.pods.target).toEqual({ type: 'AverageValue', averageValue: '5000' });
    expect(cpu.containerResource).toMatchObject({ name: 'cpu', container: 'mooring' });
  });

  it('scales up fast, and down by one pod after a quiet while and a drain', () => {
    const { behavior } = only(render(scenario('connections')), 'HorizontalPodAutoscaler').spec;
    expect(behavior.scaleUp.policies).toContainEqual({ type: 'Pods', value: 4, periodSeconds: 30 });
    expect(behavior.scaleDown.stabilizationWindowSeconds).toBe(600);
    expect(behavior.scaleDown.policies).toEqual([{ type: 'Pods', value: 1, periodSeconds: 78 }]);
  });

  it('accepts raw metrics and behavior', () => {
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
  it('lets one pod go at a time, and sick ones always', () => {
    expect(only(render(), 'PodDisruptionBudget').spec).toMatchObject({
      maxUnavailable: 1,
      unhealthyPodEvictionPolicy: 'AlwaysAllow',
    });
  });

  it('is not there for one pod, which it would keep from ever moving', () => {
    expect(all(render({ replicas: 1 }), 'PodDisruptionBudget')).toEqual([]);
    const one = { autoscaling: { mode: 'resource', min: 1 }, replicas: 5 };
    expect(all(render(one), 'PodDisruptionBudget')).toEqual([]);
  });
});
