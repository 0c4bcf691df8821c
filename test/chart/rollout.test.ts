// What follows from drain.seconds and drain.settleSeconds, and that the parts agree.
import { describe, expect, it } from 'vitest';
import {
  parseConfig,
  pingIntervalMsDefault as pingIntervalMs,
  pingTimeoutMsDefault as pingTimeoutMs,
} from '../../service/config/schema.ts';
import { only, render, scenario, template, type Values } from './render.ts';

const gateway = scenario('gateway');
const secrets = { JWT_SECRET: 'x'.repeat(48), REDIS_URL: 'redis://mooring-redis:6379' };

function rolloutOf(values: Values = {}) {
  const manifests = render(values);
  const { spec } = only(manifests, 'Deployment', 'mooring');
  const { data } = only(manifests, 'ConfigMap', 'mooring');
  const pod = spec.template.spec;
  return { ...spec, pod, config: parseConfig({ ...data, ...secrets }) };
}

/** With secrets of its own, because generated ones differ each time. */
const podOf = (values: Values) =>
  only(render({ ...values, ...ownSecrets }), 'Deployment', 'mooring').spec.template;
const ownSecrets = { auth: { existingSecret: 's' }, redis: { existingSecret: 'r' } };

const drains: [Values][] = [
  [{}],
  [{ drain: { seconds: 60, settleSeconds: 10 } }],
  [{ ...gateway, drain: { seconds: 0, settleSeconds: 0 } }],
];

describe('a rollout', () => {
  it.each(drains)('leaves time to drain and a margin: %o', (values) => {
    const { pod, config } = rolloutOf(values);
    const graceMs = pod.terminationGracePeriodSeconds * 1000;
    const drainMs = config.endpointDelayMs + config.drainMsMax;
    // 2 s to sweep, half a second for the operations port, 10 s that a primary waits for workers.
    expect(graceMs).toBeGreaterThanOrEqual(drainMs + 12_500);
    expect(graceMs).toBeLessThan(drainMs + 20_000);
  });

  it.each(drains)('deletes no old pod before it has moved its clients: %o', (values) => {
    const { minReadySeconds, progressDeadlineSeconds, config } = rolloutOf(values);
    expect(minReadySeconds * 1000).toBeGreaterThanOrEqual(config.settleMs + config.drainMsMax);
    expect(progressDeadlineSeconds).toBeGreaterThan(minReadySeconds + 60);
  });

  it('brings a whole generation at once, or fewer pods where there is no room', () => {
    const whole = { maxUnavailable: 0, maxSurge: '100%' };
    expect(rolloutOf().strategy.rollingUpdate).toEqual(whole);
    for (const maxSurge of ['25%', 1]) {
      const { strategy, minReadySeconds, config } = rolloutOf({ rollout: { maxSurge } });
      expect(strategy.rollingUpdate).toEqual({ maxUnavailable: 0, maxSurge });
      // The old pods move their clients when they are deleted: proxies know the new ones by then.
      expect(minReadySeconds * 1000).toBeGreaterThan(config.settleMs);
      expect(minReadySeconds * 1000).toBeLessThan(config.settleMs + config.drainMsMax);
    }
    const two = { autoscaling: { mode: 'none' }, rollout: { maxSurge: 2 } }; // of two pods: all
    const { minReadySeconds } = rolloutOf(two);
    expect(minReadySeconds).toBe(rolloutOf().minReadySeconds);
  });

  it('tells pods what they run, so that the old yield to the new', () => {
    const { env } = rolloutOf().pod.containers[0];
    const release = env.find(({ name }: { name: string }) => name === 'RELEASE');
    const { fieldPath } = release.valueFrom.fieldRef;
    expect(fieldPath).toBe("metadata.labels['pod-template-hash']");
  });

  it('has proxies know a change before the service relies on it', () => {
    const { config, pod } = rolloutOf();
    const { readinessProbe } = pod.containers[0];
    // ingress-nginx was measured to take 4.1 s from a probe's answer to the last handshake.
    const known = readinessProbe.periodSeconds * 1000 + 4_100;
    expect(config.settleMs).toBeGreaterThan(known);
    expect(config.endpointDelayMs).toBeGreaterThan(4_100);
  });

  it('does not wait for a frozen process to drain', () => {
    const { pod } = rolloutOf();
    const { livenessProbe } = pod.containers[0];
    const frozenSeconds =
      livenessProbe.periodSeconds * livenessProbe.failureThreshold +
      livenessProbe.timeoutSeconds +
      livenessProbe.terminationGracePeriodSeconds;
    // Clients give up by themselves after that long.
    expect(frozenSeconds * 1000).toBeLessThan(pingIntervalMs + pingTimeoutMs);
  });

  it('offers a handshake to more pods than may refuse it, at any number', () => {
    const { annotations } = only(render(), 'Ingress').metadata;
    const tries = annotations['nginx.ingress.kubernetes.io/proxy-next-upstream-tries'];
    const { retry } = only(render(gateway), 'BackendTrafficPolicy').spec;
    // Half of the pods refuse at most, and each try meets another one.
    expect(0.5 ** Number(tries)).toBeLessThan(1e-6);
    expect(retry.numRetries).toBe(Number(tries));
  });

  it.each([
    ['ingress-nginx', {}],
    ['gateway', gateway],
    ['traefik', scenario('traefik')],
  ])('%s: scaling changes nothing on the way in', (_name, values: Values) => {
    const way = (scaling: Values) =>
      render({ ...values, ...scaling }).filter(
        ({ kind, metadata }) =>
          /Ingress|HTTPRoute|Policy$|Middleware|Transport/.test(kind) ||
          metadata.name.includes('nginx'),
      );
    const before = way({ autoscaling: { mode: 'none' }, replicas: 2 });
    expect(before.length).toBeGreaterThan(0);
    expect(way({ autoscaling: { mode: 'none' }, replicas: 50 })).toEqual(before);
    expect(way({ autoscaling: { min: 2, max: 10 } })).toEqual(before);
    expect(way({ autoscaling: { min: 8, max: 80 } })).toEqual(before);
  });

  it.each<[string, Values]>([
    ['another host', { exposure: { host: 'chat.example.com' } }],
    ['another path', { exposure: { path: '/socket.io' } }],
    [
      'an annotation',
      { exposure: { annotations: { 'nginx.ingress.kubernetes.io/limit-rps': '9' } } },
    ],
    ['another cookie', { exposure: { cookie: { name: 'other' } } }],
    ['a setting of the controller', { 'ingress-nginx': { config: { 'hsts-preload': 'true' } } }],
    ['another shutdown time', { 'ingress-nginx': { workerShutdownSeconds: 1800 } }],
  ])('accompanies a reload of nginx, whose old workers cut clients: %s', (_name, values) => {
    expect(podOf(values)).not.toEqual(podOf({}));
  });

  it.each<[string, Values]>([
    ['scaling', { autoscaling: { min: 8, max: 80 } }],
    ['an annotation for others', { exposure: { annotations: { 'cert-manager.io/issuer': 'a' } } }],
    ['more controllers', { 'ingress-nginx': { replicas: 3 } }],
    ['tests', { tests: { url: 'https://chat.example.com' } }],
  ])('is not started by what reloads nothing: %s', (_name, values) => {
    expect(podOf(values)).toEqual(podOf({}));
  });

  it('accompanies no change of proxies that keep their connections', () => {
    const other = { ...gateway, exposure: { ...(gateway.exposure as Values), host: 'b.example' } };
    expect(podOf(other)).toEqual(podOf(gateway));
  });

  it('scales down by one pod after the drain of another', () => {
    const { behavior } = only(
      render({ autoscaling: { mode: 'resource' } }),
      'HorizontalPodAutoscaler',
    ).spec;
    const [policy] = behavior.scaleDown.policies;
    expect(policy).toMatchObject({ type: 'Pods', value: 1 });
    const { pod } = rolloutOf();
    expect(policy.periodSeconds).toBeGreaterThan(pod.terminationGracePeriodSeconds);
  });

  it('says when it takes longer than helm waits', () => {
    const notesOf = (seconds: number) =>
      template({ drain: { seconds }, extraObjects: [{ kind: 'Notes', note }] }).text;
    const note = '{{ include "mooring.warnings" . }}';
    expect(notesOf(12)).not.toContain('--timeout');
    expect(notesOf(300)).toContain('a --timeout of 612s');
  });
});
