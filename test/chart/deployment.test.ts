import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { parseConfig } from '../../service/config/schema.ts';
import { chart, only, pods, render, scenario, type Values } from './render.ts';

const deployment = (values?: Values) => only(render(values), 'Deployment', nameOf(values));
const nameOf = (values?: Values) => (values?.fullnameOverride as string) ?? 'mooring';
const podOf = (values?: Values) => deployment(values).spec.template;
const containerOf = (values?: Values) => podOf(values).spec.containers[0];

describe('the Deployment', () => {
  it('runs the version of the project', () => {
    const version = JSON.parse(readFileSync('package.json', 'utf8')).version;
    const { version: chartVersion, appVersion } = parse(
      readFileSync(`${chart}/Chart.yaml`, 'utf8'),
    );
    expect([String(chartVersion), String(appVersion)]).toEqual([version, version]);
    expect(containerOf().image).toBe(`mooring:${version}`);
  });

  it('takes images by registry, repository, tag and digest, and one registry for all', () => {
    expect(containerOf(scenario('throwaway')).image).toBe(
      'registry.example.com/team/mooring:1.2.3',
    );
    const mirrored = pods(render(scenario('everything'))).flatMap(({ spec }) =>
      spec.containers.map(({ image }: { image: string }) => image),
    );
    expect(mirrored).toHaveLength(7);
    for (const image of mirrored) expect(image).toMatch(/^registry\.example\.com\/[^:]+@sha256:/);
    const everything = only(render(scenario('everything')), 'Deployment', 'mooring-chat');
    expect(everything.spec.template.spec.containers[0].image).toMatch(
      /^registry\.example\.com\/mooring@sha256:0{64}$/,
    );
  });

  it('has a configuration that the service takes', () => {
    const { data } = only(render(), 'ConfigMap', 'mooring');
    const secrets = { JWT_SECRET: 'x'.repeat(48), REDIS_URL: 'redis://:p@mooring-redis:6379' };
    const config = parseConfig({ ...data, ...secrets });
    expect(config).toMatchObject({ port: 3000, operationsPort: 3001, page: 'on' });
    expect(
      containerOf().ports.map((port: { containerPort: number }) => port.containerPort),
    ).toEqual([3000, 3001]);
  });

  it('writes large numbers in full and a bare `on` as a word', () => {
    const { data } = only(render(scenario('everything')), 'ConfigMap', 'mooring-chat');
    expect(data.HISTORY_MS_MAX).toBe('2147483647');
    expect(only(render({ config: { PAGE: true } }), 'ConfigMap', 'mooring').data.PAGE).toBe('on');
  });

  it('tells started, alive and ready apart, and asks about Redis in none', () => {
    const { startupProbe, livenessProbe, readinessProbe } = containerOf();
    expect(startupProbe.httpGet.path).toBe('/healthz');
    expect(livenessProbe.httpGet.path).toBe('/healthz');
    expect(readinessProbe.httpGet.path).toBe('/readyz');
    expect(readinessProbe.periodSeconds).toBeLessThanOrEqual(2);
    expect(startupProbe.failureThreshold * startupProbe.periodSeconds).toBeGreaterThanOrEqual(30);
  });

  it('has selectors that no value changes', () => {
    const selector = { name: 'mooring', instance: 'mooring', component: 'server' };
    for (const values of [{}, scenario('everything')]) {
      const { matchLabels } = only(render(values), 'Deployment', fullnameOf(values)).spec.selector;
      const short = Object.entries(matchLabels).map(([key, value]) => [key.split('/')[1], value]);
      expect(Object.fromEntries(short)).toEqual(selector);
    }
  });

  it('spreads each revision over zones and nodes', () => {
    const spread = podOf().spec.topologySpreadConstraints;
    expect(spread.map((one: { topologyKey: string }) => one.topologyKey)).toEqual([
      'topology.kubernetes.io/zone',
      'kubernetes.io/hostname',
    ]);
    expect(spread[0].matchLabelKeys).toEqual(['pod-template-hash']);
  });

  it('restarts pods for its configuration, and for nothing else', () => {
    const annotations = (values: Values) => {
      const pod = podOf({ ...values, ...scenario('existing-secrets') });
      return JSON.stringify(pod);
    };
    const before = annotations({});
    expect(annotations({ config: { LOG_LEVEL: 'debug' } })).not.toBe(before);
    expect(annotations({ autoscaling: { mode: 'none' }, replicas: 5 })).toBe(before);
    expect(annotations({ tests: { url: 'https://chat.example.com' } })).toBe(before);
    expect(annotations({ networkPolicy: { enabled: false } })).toBe(before);
  });
});

const fullnameOf = (values: Values) => (values.nameOverride ? 'mooring-chat' : 'mooring');
