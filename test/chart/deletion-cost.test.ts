import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../service/config/schema.ts';
import { all, only, pods, render, scenario, template, type Values } from './render.ts';

const on = { podDeletionCost: { enabled: true } };
const kinds = ['Role', 'RoleBinding'].concat([
  'ValidatingAdmissionPolicy',
  'ValidatingAdmissionPolicyBinding',
]);
const objects = (values: Values) =>
  kinds.flatMap((kind) => all(render(values), kind)).filter(({ metadata }) => own(metadata));
const own = ({ labels }: { labels: Record<string, string> }) =>
  labels['app.kubernetes.io/component'] === 'server';
const podOf = (values: Values) => pods(render(values)).find(({ name }) => name === 'mooring');
const egress = (values: Values) => only(render(values), 'NetworkPolicy', 'mooring').spec.egress;

describe('without podDeletionCost', () => {
  it('pods have no token, no right and no way to the API server', () => {
    expect(objects({})).toEqual([]);
    expect(podOf({})?.spec.automountServiceAccountToken).toBe(false);
    expect(egress({})).toHaveLength(3); // DNS, other replicas and Redis
    expect(template({}).text).not.toMatch(/DELETION_COST|pods\/status/);
  });
});

describe('with podDeletionCost', () => {
  it('pods may patch the status of pods, and nothing else', () => {
    const { rules } = only(objects(on), 'Role');
    expect(rules).toEqual([{ apiGroups: [''], resources: ['pods/status'], verbs: ['patch'] }]);
    const { roleRef, subjects } = only(objects(on), 'RoleBinding');
    expect(roleRef).toMatchObject({ kind: 'Role', name: 'mooring' });
    const account = podOf(on)?.spec.serviceAccountName;
    expect(subjects).toEqual([{ kind: 'ServiceAccount', name: account, namespace: 'chat' }]);
  });

  it('have a token, which nobody else gets with the account', () => {
    expect(podOf(on)?.spec.automountServiceAccountToken).toBe(true);
    const account = only(render(on), 'ServiceAccount', 'mooring');
    expect(account.automountServiceAccountToken).toBe(false);
  });

  it('have a configuration that the service takes', () => {
    const { data } = only(render(on), 'ConfigMap', 'mooring');
    const given = { JWT_SECRET: 'x'.repeat(48), KUBERNETES_SERVICE_HOST: '10.96.0.1' };
    expect(parseConfig({ ...data, ...given }).podDeletionCost).toBe('on');
  });

  it('reach the API server, wherever it is or at the addresses that are known', () => {
    expect(egress(on).at(-1)).toEqual({ ports: [{ port: 443 }, { port: 6443 }] });
    expect(egress(scenario('deletion-cost')).at(-1)).toEqual({
      ports: [{ port: 6443 }],
      to: [{ ipBlock: { cidr: '10.0.0.1/32' } }, { ipBlock: { cidr: '10.0.0.2/32' } }],
    });
  });

  it('are held to themselves by a policy for their account alone', () => {
    const { metadata, spec } = only(objects(on), 'ValidatingAdmissionPolicy');
    const { spec: binding } = only(objects(on), 'ValidatingAdmissionPolicyBinding');
    expect(binding.policyName).toBe(metadata.name);
    expect(spec.matchConditions[0].expression).toContain('"system:serviceaccount:chat:mooring"');
    expect(binding.matchResources.namespaceSelector.matchLabels).toEqual({
      'kubernetes.io/metadata.name': 'chat',
    });
  });

  it('are not, where no object of the cluster can be made', () => {
    const free = { podDeletionCost: { enabled: true, ownPodOnly: false } };
    expect(objects(free).map(({ kind }) => kind)).toEqual(['Role', 'RoleBinding']);
  });
});
