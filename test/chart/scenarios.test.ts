// What holds for every scenario in ci/.
import { describe, expect, it } from 'vitest';
import { all, chart, helm, type Manifest, pods, render, scenario, scenarios } from './render.ts';

describe.each(scenarios)('scenario %s', (name) => {
  const manifests = render(scenario(name));

  it('passes helm lint --strict', () => {
    expect(helm(['lint', '--strict', '--quiet', chart, '-f', '-'], scenario(name)).text).toBe('');
  });

  it('has every object once, with a name Kubernetes takes', () => {
    const ids = manifests.map(({ kind, metadata }) => `${kind}/${metadata.name}`);
    expect(new Set(ids).size).toBe(ids.length);
    for (const { metadata } of manifests) {
      expect(metadata.name).toMatch(/^[a-z0-9][a-z0-9.-]{0,62}$/);
      expect(metadata.namespace).toBeUndefined(); // --namespace decides
    }
  });

  it('meets the Pod Security Standard "restricted"', () => {
    for (const { name, spec } of pods(manifests)) expect([name, ...offences(spec)]).toEqual([name]);
  });

  it('gives a token only to who talks to Kubernetes', () => {
    const withToken = pods(manifests).filter(({ spec }) => spec.automountServiceAccountToken);
    const talking = name === 'deletion-cost' ? ['mooring'] : [];
    const allowed = withToken.filter(
      ({ name }) => name.endsWith('ingress-nginx') || talking.includes(name),
    );
    expect(withToken).toEqual(allowed);
  });

  it('names every variable and every port once', () => {
    for (const { spec } of pods(manifests)) {
      for (const { env = [], ports = [] } of spec.containers) {
        const names = [...env, ...ports].map(({ name }: { name: string }) => name);
        expect(new Set(names).size).toBe(names.length);
      }
    }
  });

  it('keeps secrets out of arguments, ConfigMaps and plain variables', () => {
    const secrets = all(manifests, 'Secret').flatMap(({ data }) =>
      Object.values(data as Record<string, string>).map((value) => atob(value)),
    );
    const rest = JSON.stringify(manifests.filter(({ kind }) => kind !== 'Secret'));
    for (const secret of secrets) expect(rest.includes(secret)).toBe(false);
  });

  it('sends each Service to pods that are there, and to one kind of them', () => {
    for (const { metadata, spec } of all(manifests, 'Service')) {
      const targets = pods(manifests).filter(({ labels }) => matches(spec.selector, labels));
      expect([metadata.name, targets.length]).toEqual([metadata.name, 1]);
    }
  });
});

const matches = (selector: Record<string, string>, labels: Record<string, string>) =>
  Object.entries(selector).every(([key, value]) => labels[key] === value);

/** After https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted */
function offences(spec: Manifest): string[] {
  const volumes = ['configMap', 'emptyDir', 'projected', 'secret', 'persistentVolumeClaim'];
  const found = [];
  if (spec.hostNetwork || spec.hostPID || spec.hostIPC) found.push('host namespaces');
  if (spec.securityContext.seccompProfile?.type !== 'RuntimeDefault') found.push('seccomp');
  for (const { name: _, ...source } of spec.volumes ?? []) {
    if (!Object.keys(source).every((type) => volumes.includes(type))) found.push('volume type');
  }
  for (const { name, securityContext = {} } of spec.containers) {
    const { allowPrivilegeEscalation, capabilities, ...context } = securityContext;
    const user = { ...spec.securityContext, ...context };
    if (!user.runAsNonRoot || user.runAsUser === 0) found.push(`${name} may be root`);
    if (allowPrivilegeEscalation !== false) found.push(`${name} may escalate`);
    if (!capabilities?.drop.includes('ALL')) found.push(`${name} keeps capabilities`);
    const added = (capabilities?.add ?? []) as string[];
    if (added.some((one) => one !== 'NET_BIND_SERVICE')) found.push(`${name} adds capabilities`);
    const own = ['mooring', 'check', 'metrics', 'redis', 'exporter'].includes(name);
    if (own && !securityContext.readOnlyRootFilesystem) found.push(`${name} can write`);
  }
  return found;
}
