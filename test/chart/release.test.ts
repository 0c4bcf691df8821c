// What a release is to its cluster: names, the controller, the tests and the notes.
import { describe, expect, it } from 'vitest';
import { all, chart, helm, only, pods, render, scenario, type Values } from './render.ts';

const clusterWide = ['ClusterRole', 'ClusterRoleBinding', 'IngressClass'];

describe('releases', () => {
  it('in two namespaces share nothing', () => {
    // The names of the last two, one after the other, read the same.
    const releases = [
      ...[{ namespace: 'one' }, { namespace: 'two' }],
      ...[
        { namespace: 'chat', name: 'prod-mooring' },
        { namespace: 'chat-prod', name: 'mooring' },
      ],
    ];
    const names = releases.flatMap((release) =>
      render({}, release)
        .filter(({ kind }) => clusterWide.includes(kind))
        .map(({ kind, metadata }) => `${kind}/${metadata.name}`),
    );
    expect(names).toHaveLength(12);
    expect(new Set(names).size).toBe(12);
  });

  it('may have names as long as Helm allows', () => {
    for (const { kind, metadata } of render({}, { name: 'n'.repeat(53) })) {
      if (clusterWide.includes(kind)) continue;
      expect(metadata.name.length).toBeLessThanOrEqual(63);
    }
  });

  it('carry the name of the chart once', () => {
    expect(only(render({}, { name: 'chat' }), 'Deployment', 'chat-mooring')).toBeDefined();
    expect(only(render(scenario('throwaway')), 'Deployment', 'throwaway')).toBeDefined();
  });

  it('keep one place for more objects', () => {
    const { data } = only(render(scenario('everything')), 'ConfigMap', 'mooring-application');
    expect(data).toEqual({ 'chat.ts': 'export {};' });
  });
});

describe('the controller', () => {
  const ofController = (values?: Values) =>
    render(values).filter(({ metadata }) => metadata.name.endsWith('ingress-nginx'));

  it('is nine objects with a class of its own', () => {
    expect(
      ofController()
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(
      ['ClusterRole', 'ClusterRoleBinding', 'ConfigMap', 'Deployment', 'IngressClass'].concat([
        'Role',
        'RoleBinding',
        'Service',
        'ServiceAccount',
      ]),
    );
    const { args } = only(ofController(), 'Deployment').spec.template.spec.containers[0];
    const { controller } = only(ofController(), 'IngressClass').spec;
    expect(args).toContain(`--controller-class=${controller}`);
  });

  it('is pinned by digest, and another build takes its place', () => {
    const imageOf = (values?: Values) =>
      only(ofController(values), 'Deployment').spec.template.spec.containers[0].image;
    expect(imageOf()).toMatch(/^registry\.k8s\.io\/ingress-nginx\/controller@sha256:[0-9a-f]{64}$/);
    expect(imageOf(scenario('throwaway'))).toBe('registry.example.com/team/controller:v1.15.9');
  });

  it('has time to let old workers finish', () => {
    const [set] = all(ofController(), 'Deployment');
    const seconds = Number.parseInt(
      only(ofController(), 'ConfigMap').data['worker-shutdown-timeout'],
      10,
    );
    expect(set.spec.template.spec.terminationGracePeriodSeconds).toBe(seconds + 60);
  });

  it('shares no connection to a pod between clients', () => {
    const { data } = only(ofController(), 'ConfigMap');
    expect(data['upstream-keepalive-connections']).toBe('0');
    const own = only(ofController(scenario('everything')), 'ConfigMap').data;
    expect(own).toMatchObject({ ...data, 'use-forwarded-headers': 'true' });
  });
});

describe('helm test', () => {
  const tests = (values?: Values) =>
    pods(render(values)).filter(({ name }) => name.includes('-test-'));

  it('checks the Service, the metrics and, where it is known, the ingress', () => {
    expect(
      tests()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(['mooring-test-metrics', 'mooring-test-service']);
    const ingress = tests(scenario('everything')).find(({ name }) => name.endsWith('-ingress'));
    expect(ingress?.spec.containers[0].args).toEqual(['check', 'https://chat.example.com']);
  });

  it('signs tokens with what the service asks of them', () => {
    const found = tests(scenario('existing-secrets'));
    const check = found.find(({ name }) => name.endsWith('service'));
    const env: { name: string; value?: string }[] = check?.spec.containers[0].env;
    expect(env.map(({ name, value }) => [name, value])).toEqual([
      ['JWT_SECRET', undefined],
      ['JWT_ALGORITHMS', 'HS512'],
      ['JWT_AUDIENCE', 'chat'],
      ['JWT_ISSUER', 'https://shop.example.com/'],
    ]);
  });

  it('takes a token of the issuer, where there is one, and only then checks the Service', () => {
    const [check] = tests(scenario('external-redis')).filter(({ name }) =>
      name.endsWith('service'),
    );
    const [{ args, env, volumeMounts }] = check?.spec.containers ?? [];
    expect(args.at(-1)).toBe(`--token-file=${volumeMounts[0].mountPath}/token`);
    expect(env).toBeUndefined();
    expect(check?.spec.volumes[0].secret).toEqual({ secretName: 'check-token' });
    const names = tests(scenario('shared-redis')).map(({ name }) => name);
    expect(names).toEqual(['mooring-test-metrics']);
  });

  it('runs where the service does, with the secrets that fetch its image', () => {
    for (const { spec } of tests(scenario('everything'))) {
      expect(spec.imagePullSecrets).toEqual([{ name: 'pull' }]);
      expect(spec.nodeSelector).toEqual({ pool: 'sockets' });
      expect(spec.tolerations).toHaveLength(1);
      expect(spec.containers[0].resources.limits.memory).toBeDefined();
    }
  });
});

describe('the notes', () => {
  const notesOf = (values: Values) => {
    const args = [
      'install',
      'mooring',
      chart,
      '--namespace',
      'chat',
      '--dry-run=client',
      '-f',
      '-',
    ];
    const { text } = helm(args, values);
    return text.slice(text.indexOf('NOTES:'));
  };

  it('give the commands that come next', () => {
    const notes = notesOf({});
    expect(notes).toContain('kubectl -n chat rollout status deployment/mooring');
    expect(notes).toContain('kubectl -n chat port-forward service/mooring 3000:80');
    expect(notes).toContain('node service/main.ts token --sub alice');
    expect(notes).toContain('open http://localhost:3000');
    expect(notes).toContain('once networkPolicy.operationsFrom names them');
    expect(notesOf({ networkPolicy: { enabled: false } })).not.toContain('operationsFrom');
  });

  it('say what helm test lacks where an issuer signs the tokens', () => {
    expect(notesOf(scenario('shared-redis'))).toContain('name a token in tests.tokenSecret');
    expect(notesOf(scenario('external-redis'))).not.toContain('name a token');
    expect(notesOf({})).not.toContain('name a token');
  });

  it('say plainly that ingress-nginx is retired, and what else is unsafe', () => {
    expect(notesOf({})).toContain('ingress-nginx gets no more releases');
    expect(notesOf({})).toContain('Tokens travel in the clear');
    const free = { enabled: true, ownPodOnly: false };
    expect(notesOf({ podDeletionCost: free })).toContain('every pod of the namespace');
    const single = notesOf(scenario('single'));
    for (const word of ['Without Redis', 'Every pod of the cluster', 'One pod']) {
      expect(single).toContain(word);
    }
  });

  it('say nothing about what is well', () => {
    const notes = notesOf({ ...scenario('cluster-nginx') });
    expect(notes).not.toContain('in the clear');
    expect(notes).not.toContain('test page');
    expect(notes).toContain('https://chat.example.com');
  });
});
