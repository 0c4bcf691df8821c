import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { runbooks } from '../../monitoring/rules.ts';
import { all, chart, only, pods, render, scenario, template } from './render.ts';

const kinds = ['ServiceMonitor', 'PodMonitor', 'PrometheusRule'];
const annotationsOf = (values = {}) =>
  only(render(values), 'Deployment', 'mooring').spec.template.metadata.annotations;
const monitored = scenario('monitoring');

describe('monitoring', () => {
  it('needs no operator by default: pods say that they can be scraped', () => {
    for (const kind of kinds) expect(all(render(), kind)).toEqual([]);
    expect(annotationsOf()).toMatchObject({
      'prometheus.io/scrape': 'true',
      'prometheus.io/port': '3001',
      'prometheus.io/path': '/metrics',
    });
  });

  it.each(['service', 'pod'])('by a %s monitor finds the pods once', (monitor) => {
    const values = { monitoring: { monitor } };
    const manifests = render(values);
    const [found, ...others] = kinds.slice(0, 2).flatMap((kind) => all(manifests, kind));
    expect(others).toEqual([]);
    const { endpoints, podMetricsEndpoints, selector, jobLabel } = found.spec;
    expect(endpoints ?? podMetricsEndpoints).toEqual([
      { port: 'operations', path: '/metrics', interval: '15s' },
    ]);
    const chosen = (labels: Record<string, string> = {}) =>
      Object.entries(selector.matchLabels).every(([key, value]) => labels[key] === value);
    const targets =
      monitor === 'pod'
        ? pods(manifests).filter(({ labels }) => chosen(labels))
        : all(manifests, 'Service').filter(
            ({ metadata, spec }) =>
              chosen(metadata.labels) &&
              spec.ports.some(({ name }: { name: string }) => name === 'operations'),
          );
    expect(targets).toHaveLength(1);
    const labels = targets[0].labels ?? targets[0].metadata.labels;
    expect(labels[jobLabel]).toBe('mooring');
    expect(annotationsOf(values)['prometheus.io/scrape']).toBeUndefined();
  });

  it.each([
    ['monitoring', 'ServiceMonitor', 'endpoints'],
    ['pod-monitor', 'PodMonitor', 'podMetricsEndpoints'],
  ])('finds the exporter of Redis too: %s', (name, kind, field) => {
    const manifests = render(scenario(name));
    const { spec } = only(manifests, kind, 'mooring-redis');
    const [{ port }] = spec[field];
    const { ports } = only(manifests, 'Service', 'mooring-redis').spec;
    expect(ports.map((one: { name: string }) => one.name)).toContain(port);
    const { metadata } = only(manifests, 'StatefulSet').spec.template;
    expect(metadata.labels).toMatchObject(spec.selector.matchLabels);
  });

  it('has the rules of the rule file, with links to runbooks of yours', () => {
    const rule = only(render(monitored), 'PrometheusRule');
    const file = readFileSync(join(chart, 'rules/mooring.yaml'), 'utf8');
    expect(rule.metadata.labels.release).toBe('kube-prometheus-stack');
    const { runbooks: published } = monitored.monitoring as { runbooks: string };
    const yours = file.replaceAll(`runbook_url: ${runbooks}/`, `runbook_url: ${published}/`);
    expect(rule.spec).toEqual(parse(yours));
    expect(yours).not.toContain(`runbook_url: ${runbooks}`);
    const monitoring = { rules: true };
    const without = file.replaceAll('runbook_url:', 'runbook:'); // a relative link leads nowhere
    expect(only(render({ monitoring }), 'PrometheusRule').spec).toEqual(parse(without));
  });

  it('has every dashboard, as the file is, where the sidecar looks', () => {
    const map = only(render(monitored), 'ConfigMap', 'mooring-dashboards');
    expect(map.metadata.labels.grafana_dashboard).toBe('chat');
    expect(map.metadata.annotations).toEqual({ grafana_folder: 'Chat' });
    const files = readdirSync(join(chart, 'dashboards'));
    expect(Object.keys(map.data)).toEqual(files);
    for (const file of files) {
      const text = readFileSync(join(chart, 'dashboards', file), 'utf8');
      expect(JSON.parse(map.data[file])).toEqual(JSON.parse(text));
    }
  });

  it('rejects an interval that the alerts cannot work with', () => {
    expect(template({ monitoring: { interval: '2m' } }).ok).toBe(false);
  });
});
