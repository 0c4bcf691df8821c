// What the charts of others let one set, and this one too.
import { describe, expect, it } from 'vitest';
import {
  all,
  type Manifest,
  only,
  pods,
  render,
  scenario,
  template,
  type Values,
} from './render.ts';

const manifests = render(scenario('knobs'));
const podOf = (values: Values = scenario('knobs')) =>
  only(render(values), 'Deployment', 'mooring').spec.template;
const container = podOf().spec.containers[0];
const redis = only(manifests, 'StatefulSet').spec.template;
const controller = only(manifests, 'Deployment', 'mooring-ingress-nginx').spec.template;

describe('what platforms ask for', () => {
  it('labels every object and pod, and no selector', () => {
    for (const { metadata, spec } of manifests) {
      expect(metadata.labels).toMatchObject({ team: 'chat', 'cost-center': '42' });
      expect(JSON.stringify(spec?.selector ?? {})).not.toContain('cost-center');
    }
    for (const { labels } of pods(manifests)) expect(labels.team).toBe('chat');
    const own = { global: { commonLabels: { 'app.kubernetes.io/name': 'x' } } };
    expect(template(own).text).toContain("invalid propertyName 'app.kubernetes.io/name'");
  });

  it('fetches every image with the secrets of an umbrella chart', () => {
    for (const { spec } of pods(manifests)) {
      expect(spec.imagePullSecrets).toEqual([{ name: 'mirror' }, { name: 'second' }]);
    }
  });

  it('may be switched off by a chart that depends on it', () => {
    expect(template({ enabled: false }).ok).toBe(true);
  });

  it('has a Service for load balancers and meshes', () => {
    const { metadata, spec } = only(manifests, 'Service', 'mooring');
    expect(metadata.annotations).toEqual({ 'example.com/pool': 'inside' });
    expect(spec).toMatchObject({
      type: 'LoadBalancer',
      loadBalancerClass: 'example.com/internal',
      externalTrafficPolicy: 'Local',
    });
    expect(spec.ports[0].appProtocol).toBe('kubernetes.io/ws');
  });

  it('keeps the annotations of a preset beside those of the Service', () => {
    const values = { ...scenario('traefik'), service: { annotations: { a: 'b' } } };
    const { annotations } = only(render(values), 'Service', 'mooring').metadata;
    expect(Object.keys(annotations).length).toBeGreaterThan(3);
    expect(annotations.a).toBe('b');
  });

  it('has an identity, its own or one that is there', () => {
    const account = only(manifests, 'ServiceAccount', 'chat');
    expect(account.metadata.annotations).toHaveProperty(['eks.amazonaws.com/role-arn']);
    expect(podOf().spec.serviceAccountName).toBe('chat');
    const there = { serviceAccount: { create: false, name: 'there' } };
    expect(all(render(there), 'ServiceAccount').map(({ metadata }) => metadata.name)).not.toContain(
      'there',
    );
    expect(podOf(there).spec.serviceAccountName).toBe('there');
    expect(podOf({ serviceAccount: { create: false } }).spec.serviceAccountName).toBe('default');
  });

  it('runs under users that the platform picks', () => {
    const contexts = pods(manifests).map(({ spec }) => spec.securityContext);
    expect(podOf().spec.securityContext).toEqual({
      fsGroup: 1000,
      runAsNonRoot: true,
      seccompProfile: { type: 'RuntimeDefault' },
    });
    expect(redis.spec.securityContext.runAsUser).toBeUndefined();
    for (const context of contexts) expect(context.runAsUser).toBeUndefined();
  });

  it('has neighbors in the pod', () => {
    const { spec } = podOf();
    expect(spec.initContainers[0].name).toBe('wait');
    expect(spec.containers.map(({ name }: Manifest) => name)).toEqual(['mooring', 'agent']);
    expect(spec.hostAliases).toHaveLength(1);
    expect(spec.dnsConfig.options).toHaveLength(1);
  });

  it('takes variables by the lot, which replace none of its own', () => {
    expect(container.envFrom).toEqual([
      { secretRef: { name: 'chat-module' } },
      { configMapRef: { name: 'mooring' } },
    ]);
  });

  it('has probes and hooks that can be changed field by field', () => {
    expect(container.startupProbe).toMatchObject({
      failureThreshold: 300,
      httpGet: { path: '/healthz' },
    });
    expect(container.readinessProbe).toMatchObject({ periodSeconds: 2, failureThreshold: 2 });
    expect(container.livenessProbe.failureThreshold).toBe(6);
    expect(container.lifecycle.preStop).toBeDefined();
  });

  it('has a budget for disruptions, or none', () => {
    expect(only(manifests, 'PodDisruptionBudget', 'mooring').spec.maxUnavailable).toBe('25%');
    const none = render({ podDisruptionBudget: { enabled: false } });
    expect(all(none, 'PodDisruptionBudget').map(({ metadata }) => metadata.name)).toEqual([
      'mooring-ingress-nginx',
    ]);
  });

  it('is reached by several hosts, and by the path of Socket.IO alone', () => {
    const { rules, tls } = only(manifests, 'Ingress').spec;
    expect(rules.map(({ host }: Manifest) => host)).toEqual([
      'chat.example.com',
      'chat.example.org',
    ]);
    expect(tls[0].hosts).toEqual(['chat.example.com', 'chat.example.org']);
    for (const { http } of rules) expect(http.paths[0].path).toBe('/socket.io');
    const { exposure } = scenario('gateway') as { exposure: object };
    const both = { ...exposure, extraHosts: ['chat.example.org'], path: '/socket.io' };
    const route = only(render({ ...scenario('gateway'), exposure: both }), 'HTTPRoute').spec;
    expect(route.hostnames).toEqual(['chat.example.com', 'chat.example.org']);
    expect(route.rules[0].matches[0].path.value).toBe('/socket.io');
  });

  it('keeps its secrets when it is uninstalled, by choice', () => {
    const kept = (values: Values) =>
      all(render(values), 'Secret').map(
        ({ metadata }) => metadata.annotations?.['helm.sh/resource-policy'],
      );
    expect(kept({ global: { keepSecrets: true } })).toEqual(['keep', 'keep']);
    expect(kept({})).toEqual([undefined, undefined]);
  });

  it('leaves out the pods of helm test, for kubectl apply', () => {
    expect(all(manifests, 'Pod')).toEqual([]);
  });

  it('lets Redis and the controller be placed, named and found as well', () => {
    for (const { metadata, spec } of [redis, controller]) {
      expect(spec.affinity.nodeAffinity).toBeDefined();
      expect(spec.priorityClassName).toBe('high');
      expect(metadata.labels.tier).toBeDefined();
    }
    expect(redis.metadata.annotations).toHaveProperty(['backup.example.com/volumes']);
    expect(controller.metadata.annotations).toHaveProperty(['example.com/owner']);
    expect(controller.spec.containers[0].args).toContain('--v=2');
    const { spec } = only(manifests, 'Service', 'mooring-ingress-nginx');
    expect(spec.loadBalancerClass).toBe('example.com/public');
    expect(spec.loadBalancerSourceRanges).toEqual(['192.0.2.0/24']);
    const { ingress } = only(manifests, 'NetworkPolicy', 'mooring-ingress-nginx').spec;
    expect(ingress[0]).toEqual({ ports: [{ port: 80 }, { port: 443 }] });
    expect(ingress[1].ports).toEqual([{ port: 10254 }]);
  });

  it('limits the CPU of every container but the controller’s, above what one process uses', () => {
    for (const { name, spec } of pods(render()).filter(({ name }) => !name.endsWith('nginx'))) {
      for (const { resources } of spec.containers) {
        expect([name, Number(resources.limits.cpu)]).toEqual([name, expect.any(Number)]);
        expect(Number(resources.limits.cpu)).toBeGreaterThanOrEqual(1);
      }
    }
  });

  it('runs every container but the controller’s as a user that no node has', () => {
    for (const { name, spec } of pods(render()).filter(({ name }) => !name.endsWith('nginx'))) {
      const { runAsUser, runAsGroup } = spec.securityContext;
      expect([name, runAsUser > 10_000, runAsGroup > 10_000]).toEqual([name, true, true]);
    }
  });

  it('keeps every container within a quota that asks for limits of CPU and memory', () => {
    const containers = pods(render(scenario('quota'))).flatMap(({ spec }) => spec.containers);
    expect(containers).toHaveLength(7);
    for (const { name, resources } of containers) {
      const { cpu, memory } = resources.limits;
      expect([name, Boolean(cpu), Boolean(memory)]).toEqual([name, true, true]);
      expect([name, resources.requests.cpu !== undefined]).toEqual([name, true]);
    }
  });

  it('binds what pods may write and log, also without a value', () => {
    for (const { name, spec } of pods(render())) {
      for (const { resources } of spec.containers) {
        expect([name, resources.limits['ephemeral-storage']]).toEqual([name, expect.any(String)]);
        expect([name, resources.requests['ephemeral-storage']]).toEqual([name, expect.any(String)]);
      }
    }
  });
});
