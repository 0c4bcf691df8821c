import { describe, expect, it } from 'vitest';
import { all, only, pods, render, scenario, type Values } from './render.ts';

const policyOf = (values?: Values, name = 'mooring') =>
  only(render(values), 'NetworkPolicy', name).spec;
const egressPorts = (values: Values) =>
  policyOf(values).egress.map(({ ports }: { ports: { port: number }[] }) =>
    ports.map(({ port }) => port),
  );

describe('the NetworkPolicy of the service', () => {
  it('opens the public port to all, the operations port to the named', () => {
    const [everyone, named] = policyOf().ingress;
    expect(everyone).toEqual({ ports: [{ port: 3000 }] });
    expect(named.ports).toEqual([{ port: 3001 }]);
    expect(named.from).toHaveLength(3); // replicas, helm test, and the namespace of Prometheus
  });

  it('lets the service reach DNS, its peers and Redis', () => {
    expect(egressPorts({})).toEqual([[53, 53], [3001], [6379]]);
    expect(policyOf().policyTypes).toEqual(['Ingress', 'Egress']);
  });

  it('lets the service reach whatever else it is configured to call, by its port', () => {
    expect(egressPorts(scenario('external-redis'))).toEqual([[53, 53], [3001], [6380, 443]]);
    expect(egressPorts(scenario('shared-redis'))).toEqual([[53, 53], [3001], [6380]]);
    const { egress } = only(render(scenario('everything')), 'NetworkPolicy', 'mooring-chat').spec;
    expect(egress.slice(3)).toEqual([
      { ports: [{ port: 8080 }, { port: 4318 }] }, // who may join, and traces
      { ports: [{ port: 5432 }] },
    ]);
  });
});

it('no one may connect to the pods of helm test', () => {
  const { podSelector, ingress, policyTypes } = policyOf({}, 'mooring-test');
  expect([policyTypes, ingress]).toEqual([['Ingress'], undefined]);
  for (const { labels } of pods(render()).filter(({ name }) => name.includes('-test-'))) {
    expect(labels).toMatchObject(podSelector.matchLabels);
  }
});

describe('the NetworkPolicy of Redis', () => {
  it('lets in the pods of the service, and nothing out', () => {
    const { ingress, egress, policyTypes } = policyOf({}, 'mooring-redis');
    expect(policyTypes).toContain('Egress');
    expect(egress).toBeUndefined();
    const { matchLabels } = ingress[0].from[0].podSelector;
    const admitted = pods(render()).filter(({ labels }) =>
      Object.entries(matchLabels).every(([key, value]) => labels[key] === value),
    );
    expect(admitted.map(({ name }) => name)).toEqual(['mooring']);
  });

  it('lets Prometheus to the exporter', () => {
    expect(policyOf(scenario('connections'), 'mooring-redis').ingress[1].ports).toEqual([
      { port: 9121 },
    ]);
  });
});

it('network policies can be left to others', () => {
  const off = { networkPolicy: { enabled: false } };
  expect(all(render({ ...off, redis: off, 'ingress-nginx': off }), 'NetworkPolicy')).toEqual([]);
});
