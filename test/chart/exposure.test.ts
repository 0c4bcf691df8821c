import { describe, expect, it } from 'vitest';
import {
  pingIntervalMsDefault as pingIntervalMs,
  pingTimeoutMsDefault as pingTimeoutMs,
} from '../../service/config/schema.ts';
import { all, only, render, scenario, type Values } from './render.ts';

const nginx = (values: Values = {}): Record<string, string> => {
  const { annotations } = only(render(values), 'Ingress').metadata;
  return Object.fromEntries(
    Object.entries(annotations as Record<string, string>).map(([key, value]) => [
      key.replace('nginx.ingress.kubernetes.io/', ''),
      value,
    ]),
  );
};

/** A scenario with another channel of the Gateway API. */
function gatewayOf(name: string, channel: string): Values {
  const { exposure, ...rest } = scenario(name) as { exposure: { gateway: object } };
  return { ...rest, exposure: { ...exposure, gateway: { ...exposure.gateway, channel } } };
}

describe('exposure through ingress-nginx', () => {
  it('keeps a client on its pod, also when pods are added', () => {
    expect(nginx()).toMatchObject({
      affinity: 'cookie',
      'affinity-mode': 'persistent',
      'session-cookie-change-on-failure': 'true',
      'session-cookie-name': 'mooring-pod',
      'session-cookie-max-age': '172800',
      'session-cookie-expires': '172800',
    });
  });

  it('waits longer than a healthy connection is silent', () => {
    const silentSeconds = (pingIntervalMs + pingTimeoutMs) / 1000;
    expect(Number(nginx()['proxy-read-timeout'])).toBeGreaterThan(silentSeconds);
    expect(Number(nginx()['proxy-send-timeout'])).toBeGreaterThan(silentSeconds);
  });

  it('tries a draining pod’s 503 elsewhere, but never a POST', () => {
    expect(nginx()['proxy-next-upstream']).toBe('error timeout http_503');
    expect(Number(nginx()['proxy-next-upstream-tries'])).toBeGreaterThan(3);
  });

  it('lets every message through that the service takes', () => {
    expect(nginx()['proxy-body-size']).toBe('832k');
    expect(nginx({ config: { MESSAGE_BYTES_MAX: 4194304 } })['proxy-body-size']).toBe('24640k');
  });

  it.each([
    [false, '', 'Lax'],
    [true, '', 'Lax'],
    [true, 'https://app.example.com', 'None'],
    [false, 'https://app.example.com', 'Lax'],
  ])('derives the cookie from TLS %s and CORS "%s"', (enabled, CORS_ORIGINS, sameSite) => {
    const found = nginx({ exposure: { tls: { enabled } }, config: { CORS_ORIGINS } });
    expect(found['session-cookie-samesite']).toBe(sameSite);
    expect(found['session-cookie-secure']).toBe(String(enabled));
  });

  it('lets annotations win and keeps the rest', () => {
    const found = nginx(scenario('cluster-nginx'));
    expect(found['cert-manager.io/cluster-issuer']).toBe('letsencrypt');
    const own = { 'nginx.ingress.kubernetes.io/affinity-mode': 'balanced' };
    expect(nginx({ exposure: { annotations: own } })).toMatchObject({
      'affinity-mode': 'balanced',
      affinity: 'cookie',
    });
  });

  it('goes to the chart’s controller, or to the one of the cluster', () => {
    const own = only(render(), 'Ingress').spec;
    expect(own.ingressClassName).toBe(only(render(), 'IngressClass').metadata.name);
    expect(only(render(scenario('cluster-nginx')), 'Ingress').spec.ingressClassName).toBe('nginx');
  });

  it('never leads to the operations port', () => {
    const { rules } = only(render(), 'Ingress').spec;
    const backends = rules.flatMap((rule: { http: { paths: { backend: object }[] } }) =>
      rule.http.paths.map(({ backend }) => backend),
    );
    expect(backends).toEqual([{ service: { name: 'mooring', port: { name: 'http' } } }]);
    expect(only(render(), 'Service', 'mooring').spec.ports).toHaveLength(1);
  });
});

describe('exposure through other controllers', () => {
  it.each([
    ['traefik', 'Service', 'traefik.ingress.kubernetes.io/service.sticky.cookie', 'true'],
    ['haproxytech', 'Service', 'haproxy.org/cookie-persistence', 'mooring-pod'],
    ['haproxy-ingress', 'Ingress', 'haproxy-ingress.github.io/affinity', 'cookie'],
    [
      'f5-nginx',
      'Ingress',
      'nginx.org/sticky-cookie-services',
      /^serviceName=mooring mooring-pod /,
    ],
  ])('sets the affinity of %s on the %s', (name, kind, key, value) => {
    const { annotations } = only(render(scenario(name)), kind, 'mooring').metadata;
    if (value instanceof RegExp) expect(annotations[key]).toMatch(value);
    else expect(annotations[key]).toBe(value);
    expect(all(render(scenario(name)), 'IngressClass')).toEqual([]);
  });

  it.each([
    [false, '', 'httponly', 'false'],
    [true, '', 'httponly secure', 'false'],
    [true, 'https://app.example.com', 'httponly', 'true'],
  ])(
    'HAProxy Ingress: derives the cookie from TLS %s and CORS "%s"',
    (enabled, origins, end, none) => {
      const exposure = {
        mode: 'ingress',
        ingress: { preset: 'haproxy-ingress' },
        tls: { enabled },
      };
      const values = {
        ...scenario('haproxy-ingress'),
        exposure,
        config: { CORS_ORIGINS: origins },
      };
      const { annotations } = only(render(values), 'Ingress').metadata;
      const prefix = 'haproxy-ingress.github.io/session-cookie-';
      expect(annotations[`${prefix}keywords`]).toBe(`insert indirect nocache ${end}`);
      expect(annotations[`${prefix}same-site`]).toBe(none);
    },
  );

  it.each([
    ['haproxytech', 'Service', 'haproxy.org/backend-config-snippet'],
    ['haproxy-ingress', 'Ingress', 'haproxy-ingress.github.io/config-backend'],
  ])('%s: tries a draining pod’s 503 elsewhere, but never a POST', (name, kind, key) => {
    const snippet = only(render(scenario(name)), kind, 'mooring').metadata.annotations[key];
    expect(snippet).toContain('retry-on conn-failure empty-response 503');
    expect(snippet).toContain('option redispatch 1');
    expect(snippet).toContain('disable-l7-retry unless METH_GET');
    const { exposure } = scenario(name) as { exposure: { ingress: object } };
    const ingress = { ...exposure.ingress, retry: false };
    const without = render({ ...scenario(name), exposure: { ...exposure, ingress } });
    expect(only(without, kind, 'mooring').metadata.annotations[key]).toBeUndefined();
  });

  it('traefik: tries a handshake elsewhere, which has no pod yet, and nothing else', () => {
    const manifests = render(scenario('traefik'));
    const { spec } = only(manifests, 'Middleware', 'mooring-retry');
    expect(spec.retry.status).toEqual(['503']);
    const { tls, routes } = only(manifests, 'IngressRoute').spec;
    expect(tls.secretName).toBe('chat-tls');
    expect(routes[0].match).toBe(
      'Host(`chat.example.com`) && PathPrefix(`/socket.io`) && !QueryRegexp(`sid`, `.+`)',
    );
    const used = routes[0].middlewares.map(({ name }: { name: string }) => name);
    expect(used).toEqual(all(manifests, 'Middleware').map(({ metadata }) => metadata.name));
    const { cookie } = routes[0].services[0].sticky;
    const { annotations } = only(manifests, 'Service', 'mooring').metadata;
    const prefix = 'traefik.ingress.kubernetes.io/service.sticky.cookie';
    for (const [key, value] of Object.entries(cookie)) {
      expect(annotations[`${prefix}.${key.toLowerCase()}`]).toBe(String(value));
    }
  });

  it.each([
    ['aws-alb', 'alb.ingress.kubernetes.io/healthcheck-path'],
    ['azure-agic', 'appgw.ingress.kubernetes.io/health-probe-path'],
  ])('%s: asks the port for clients, which alone it reaches', (name, key) => {
    const manifests = render(scenario(name));
    expect(only(manifests, 'Ingress').metadata.annotations[key]).toBe('/readyz');
    const [everyone] = only(manifests, 'NetworkPolicy', 'mooring').spec.ingress;
    expect(everyone).toEqual({ ports: [{ port: 3000 }] });
  });

  it('aws-alb: is sticky, lets a pod drain, and keeps silent connections', () => {
    const { annotations } = only(render(scenario('aws-alb')), 'Ingress').metadata;
    const prefix = 'alb.ingress.kubernetes.io';
    const attributes = annotations[`${prefix}/target-group-attributes`];
    expect(attributes).toContain('stickiness.lb_cookie.duration_seconds=172800');
    expect(attributes).toContain('deregistration_delay.timeout_seconds=18');
    const [, seconds] = annotations[`${prefix}/load-balancer-attributes`].split('=');
    expect(Number(seconds) * 1000).toBeGreaterThan(pingIntervalMs + pingTimeoutMs);
    expect(annotations[`${prefix}/scheme`]).toBe('internet-facing');
  });

  it('gateway: the same affinity, no timeouts, the 503 retried elsewhere', () => {
    const manifests = render(scenario('gateway'));
    const [rule] = only(manifests, 'HTTPRoute').spec.rules;
    expect(rule.sessionPersistence).toMatchObject({ sessionName: 'mooring-pod', type: 'Cookie' });
    expect(rule.timeouts).toEqual({ request: '0s', backendRequest: '0s' });
    const policy = only(manifests, 'BackendTrafficPolicy').spec;
    expect(policy.retry.retryOn.httpStatusCodes).toEqual([503]);
    expect(policy.circuitBreaker).toEqual({ maxRequestsPerConnection: 1 }); // two workers
    expect(all(manifests, 'Ingress')).toEqual([]);
  });

  it('gateway: leaves out on the standard channel what it does not know', () => {
    const manifests = render(scenario('gateway-standard'));
    const [rule] = only(manifests, 'HTTPRoute').spec.rules;
    expect(rule.sessionPersistence).toBeUndefined();
    const { loadBalancer, retry } = only(manifests, 'BackendTrafficPolicy').spec;
    expect(loadBalancer.consistentHash.cookie).toMatchObject({
      name: 'mooring-pod',
      ttl: '2880m',
    });
    expect(retry.retryOn.httpStatusCodes).toEqual([503]);
    const { loadBalancer: none } = only(render(scenario('gateway')), 'BackendTrafficPolicy').spec;
    expect(none).toBeUndefined(); // sessionPersistence makes the affinity
  });

  it('gateway: Istio’s policy hashes the cookie, and keeps workers apart', () => {
    const { host, trafficPolicy } = only(render(scenario('gateway-istio')), 'DestinationRule').spec;
    expect(host).toBe('mooring.chat.svc.cluster.local');
    expect(trafficPolicy.loadBalancer.consistentHash.httpCookie.name).toBe('mooring-pod');
    expect(trafficPolicy.connectionPool.http.maxRequestsPerConnection).toBe(1);
  });

  it('gateway: GKE’s policies set affinity, WebSockets’ life and a probe', () => {
    const manifests = render(scenario('gateway-gke'));
    const [rule] = only(manifests, 'HTTPRoute').spec.rules;
    expect(rule.timeouts).toBeUndefined();
    const backend = only(manifests, 'GCPBackendPolicy').spec;
    expect(backend.targetRef).toEqual({ group: '', kind: 'Service', name: 'mooring' });
    expect(backend.default.sessionAffinity.type).toBe('GENERATED_COOKIE');
    const health = only(manifests, 'HealthCheckPolicy').spec.default;
    expect(health.config.httpHealthCheck).toEqual({
      requestPath: '/readyz',
      portSpecification: 'USE_SERVING_PORT',
    });
  });

  it('gateway: kgateway hashes the cookie, and retries on a pod that it has not tried', () => {
    const manifests = render(scenario('gateway-kgateway'));
    const { targetRefs, retry } = only(manifests, 'TrafficPolicy').spec;
    expect(targetRefs[0]).toMatchObject({ kind: 'HTTPRoute', name: 'mooring' });
    expect(retry).toMatchObject({ statusCodes: [503], retryHostPredicates: ['PreviousHosts'] });
    const { targetRefs: backends, loadBalancer } = only(manifests, 'BackendConfigPolicy').spec;
    expect(backends[0]).toMatchObject({ kind: 'Service', name: 'mooring' });
    const [{ cookie }] = loadBalancer.ringHash.hashPolicies;
    expect(cookie).toMatchObject({ name: 'mooring-pod', path: '/', secure: true });

    const experimental = render(gatewayOf('gateway-kgateway', 'experimental'));
    expect(all(experimental, 'BackendConfigPolicy')).toEqual([]);
    expect(only(experimental, 'TrafficPolicy').spec.retry.retryHostPredicates).toBeUndefined();
  });

  it('gateway: kgateway keeps workers apart', () => {
    const workers = { config: { WORKERS: 2 } };
    const { spec } = only(
      render({ ...gatewayOf('gateway-kgateway', 'experimental'), ...workers }),
      'BackendConfigPolicy',
    );
    expect(spec.commonHttpProtocolOptions).toEqual({ maxRequestsPerConnection: 1 });
    expect(spec.loadBalancer).toBeUndefined();
  });

  it('gateway: NGINX Gateway Fabric hashes the address, or has cookies with NGINX Plus', () => {
    const policyOf = (channel: string) =>
      only(render(gatewayOf('gateway-nginx', channel)), 'UpstreamSettingsPolicy').spec;
    expect(policyOf('standard')).toMatchObject({
      targetRefs: [{ kind: 'Service', name: 'mooring' }],
      loadBalancingMethod: 'ip_hash',
      keepAlive: { connections: 0 },
    });
    expect(policyOf('experimental').loadBalancingMethod).toBeUndefined();
    const [rule] = only(render(scenario('gateway-nginx')), 'HTTPRoute').spec.rules;
    expect(rule.timeouts).toBeUndefined();
  });

  it.each([
    ['cilium', 'cilium', 'experimental', true],
    ['istio', 'gateway-istio', 'experimental', true],
    ['istio', 'gateway-istio', 'standard', false],
  ])('gateway: %s retries through the route (%s, %s)', (_preset, name, channel, retries) => {
    const [rule] = only(render(gatewayOf(name, channel)), 'HTTPRoute').spec.rules;
    const retry = { codes: [503], attempts: 20, backoff: '10ms' };
    expect(rule.retry).toEqual(retries ? retry : undefined);
    expect(rule.sessionPersistence !== undefined).toBe(channel === 'experimental');
  });

  it('gateway: passes another sessionPersistence through', () => {
    const [rule] = only(render(scenario('shared-redis')), 'HTTPRoute').spec.rules;
    expect(rule.sessionPersistence).toEqual({ sessionName: 'chat', type: 'Header' });
  });

  it('is absent with none', () => {
    const manifests = render(scenario('single'));
    expect(manifests.filter(({ kind }) => /Ingress|Route/.test(kind))).toEqual([]);
  });
});
