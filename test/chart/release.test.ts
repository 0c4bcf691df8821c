// What a release is to its cluster: names, the controller and the tests.
import { describe, expect, it } from 'vitest';
import { all, only, pods, render, scenario, type Values } from './render.ts';

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

  it('keep apart what begins with the same 45 characters', () => {
    const names = ['one', 'two'].flatMap((end) =>
      render({}, { name: `${'n'.repeat(48)}-${end}` }).map(
        ({ kind, metadata }) => `${kind}/${metadata.name}`,
      ),
    );
    expect(new Set(names).size).toBe(names.length);
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

  it('is eleven objects with a class of its own', () => {
    expect(
      ofController()
        .map(({ kind }) => kind)
        .sort(),
    ).toEqual(
      ['ClusterRole', 'ClusterRoleBinding', 'ConfigMap', 'Deployment', 'IngressClass'].concat([
        'NetworkPolicy',
        'PodDisruptionBudget',
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
    expect(set.spec.template.spec.terminationGracePeriodSeconds).toBe(seconds + 70);
  });

  it('runs twice, and goes on serving while load balancers learn that one goes', () => {
    const { spec } = only(ofController(), 'Deployment');
    expect(spec.replicas).toBe(2);
    expect(spec.strategy.rollingUpdate.maxUnavailable).toBe(0);
    const [{ topologyKey }] = spec.template.spec.topologySpreadConstraints;
    expect(topologyKey).toBe('kubernetes.io/hostname');
    expect(spec.template.spec.containers[0].args).toContain('--shutdown-grace-period=10');
    expect(only(ofController(), 'PodDisruptionBudget').spec.maxUnavailable).toBe(1);
    expect(all(ofController(scenario('throwaway')), 'PodDisruptionBudget')).toEqual([]);
  });

  it('reads no Secret and nothing else outside of its namespace', () => {
    const { args } = only(ofController(), 'Deployment').spec.template.spec.containers[0];
    expect(args).toContain('--watch-namespace=$(POD_NAMESPACE)');
    expect(only(ofController(), 'ClusterRole').rules).toEqual([
      {
        apiGroups: ['networking.k8s.io'],
        resources: ['ingressclasses'],
        verbs: ['get', 'list', 'watch'],
      },
    ]);
    const inside = only(ofController(), 'Role').rules.flatMap(
      ({ resources }: { resources: string[] }) => resources,
    );
    expect(inside).toEqual(
      expect.arrayContaining(['secrets', 'services', 'endpointslices', 'ingresses', 'leases']),
    );
  });

  it('serves a certificate to every host where there is one', () => {
    const argsOf = (values: Values) =>
      only(ofController(values), 'Deployment').spec.template.spec.containers[0].args.join(' ');
    expect(argsOf(scenario('throwaway'))).toContain(
      '--default-ssl-certificate=$(POD_NAMESPACE)/chat-tls',
    );
    expect(argsOf({})).not.toContain('--default-ssl-certificate');
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

  const names = (values?: Values) =>
    tests(values)
      .map(({ name }) => name)
      .sort();
  const ingressOf = (values: Values) =>
    tests(values).find(({ name }) => name.endsWith('-ingress'))?.spec;

  it('checks the Service, the metrics and, where it is known, the ingress', () => {
    expect(names(scenario('cluster-nginx'))).toEqual([
      'mooring-test-metrics',
      'mooring-test-service',
    ]);
    expect(ingressOf(scenario('everything')).containers[0].args).toEqual([
      'check',
      'https://chat.example.com',
    ]);
  });

  it('goes through the controller of the release, all transports', () => {
    expect(names()).toEqual([
      'mooring-test-ingress',
      'mooring-test-metrics',
      'mooring-test-service',
    ]);
    const controller = only(render(), 'Deployment', 'mooring-ingress-nginx').metadata.name;
    expect(ingressOf({}).containers[0].args).toEqual([
      'check',
      `http://${controller}`,
      `--connect-to=${controller}`,
    ]);
  });

  it('goes there by the host and the certificate that clients see', () => {
    const tls = { enabled: true, secretName: 'chat-tls' };
    const { containers, volumes } = ingressOf({ exposure: { host: 'chat.example.com', tls } });
    expect(containers[0].args).toEqual([
      'check',
      'https://chat.example.com',
      '--connect-to=mooring-ingress-nginx',
    ]);
    const certificate = volumes.find(({ name }: { name: string }) => name === 'certificate');
    expect(certificate.secret).toEqual({
      secretName: 'chat-tls',
      items: [{ key: 'ca.crt', path: 'ca.crt' }],
      optional: true,
    });
    const { mountPath } = containers[0].volumeMounts.find(
      ({ name }: { name: string }) => name === 'certificate',
    );
    expect(containers[0].env).toContainEqual({
      name: 'NODE_EXTRA_CA_CERTS',
      value: `${mountPath}/ca.crt`,
    });
    const anyHost = { exposure: { host: '*.example.com', tls } };
    expect(ingressOf(anyHost).containers[0].args[1]).toBe('https://check.example.com');
    expect(ingressOf({ exposure: { tls: { enabled: true } } })).toBeUndefined();
  });

  it('signs tokens with what the service asks of them', () => {
    const found = tests(scenario('existing-secrets'));
    const check = found.find(({ name }) => name.endsWith('service'));
    const env: { name: string; value?: string }[] = check?.spec.containers[0].env;
    expect(env.map(({ name, value }) => [name, value])).toEqual([
      ['SECRETS_DIR', '/etc/mooring/secrets'],
      ['JWT_ALGORITHMS', 'HS512'],
      ['JWT_AUDIENCE', 'chat'],
      ['JWT_ISSUER', 'https://shop.example.com/'],
    ]);
    expect(check?.spec.volumes).toEqual([
      {
        name: 'secrets',
        secret: { secretName: 'chat-auth', items: [{ key: 'jwt-secret', path: 'jwt-secret' }] },
      },
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
