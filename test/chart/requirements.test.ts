// Invalid values are refused: by the schema, or with a message that says what to change.
import { describe, expect, it } from 'vitest';
import { template, type Values } from './render.ts';

const none = { exposure: { mode: 'none' }, 'ingress-nginx': { enabled: false } };
const noRedis = { redis: { enabled: false } };
const fixed = { autoscaling: { mode: 'none' } };
const off = { 'ingress-nginx': { enabled: false } };
const gateway = {
  ...off,
  exposure: { mode: 'gateway', gateway: { parentRefs: [{ name: 'g' }], preset: 'istio' } },
};

const invalidCombinations: [string, Values][] = [
  ['set redis.enabled=false to use your own', { externalRedis: { url: 'redis://r' } }],
  [
    'externalRedis.url and externalRedis.existingSecret are both set',
    { ...noRedis, externalRedis: { url: 'redis://r', existingSecret: 's' } },
  ],
  [
    'start externalRedis.url with rediss://',
    { ...noRedis, externalRedis: { url: 'redis://r', caSecret: 's' } },
  ],
  ['externalRedis.caSecret is for an external Redis', { externalRedis: { caSecret: 's' } }],
  ['is for an external Redis', { externalRedis: { mode: 'cluster' } }],
  [
    'set externalRedis.mode=sentinel or cluster',
    { ...noRedis, externalRedis: { url: 'redis://a,redis://b' } },
  ],
  [
    'is a key of externalRedis.existingSecret',
    { ...noRedis, externalRedis: { url: 'redis://a', sentinelPasswordKey: 'k' } },
  ],
  ['externalRedis has no URL', { ...noRedis, externalRedis: { mode: 'cluster' } }],
  ['externalRedis has no URL', { ...noRedis, externalRedis: { caSecret: 's' } }],
  ['exchange messages through Redis', noRedis],
  [
    'exchange messages through Redis',
    { ...noRedis, ...fixed, replicas: 1, config: { WORKERS: 2 } },
  ],
  ['exchange messages through Redis', { ...noRedis, ...fixed }],
  ['remove one', { auth: { publicKey: 'k', jwksUrl: 'https://i' } }],
  ['needs auth.publicKey or auth.jwksUrl', { auth: { algorithms: ['RS256'] } }],
  ['sign with the public key', { auth: { jwksUrl: 'https://i', algorithms: ['HS256'] } }],
  ['helm test signs its own tokens', { tests: { tokenSecret: 's' } }],
  ['set ingress-nginx.enabled=false', { exposure: { mode: 'none' } }],
  ['needs exposure.gateway.parentRefs', { ...off, exposure: { mode: 'gateway' } }],
  ['set exposure.mode=gateway', { exposure: { gateway: { preset: 'istio' } } }],
  ['set exposure.mode=gateway', { exposure: { gateway: { channel: 'experimental' } } }],
  [
    'has no affinity',
    { ...off, exposure: { mode: 'gateway', gateway: { parentRefs: [{ name: 'g' }] } } },
  ],
  [
    'has affinity only through sessionPersistence',
    {
      ...off,
      exposure: { mode: 'gateway', gateway: { parentRefs: [{ name: 'g' }], preset: 'cilium' } },
    },
  ],
  [
    'has its own affinity',
    {
      ...off,
      exposure: {
        mode: 'gateway',
        gateway: { parentRefs: [{ name: 'g' }], preset: 'gke', channel: 'experimental' },
      },
    },
  ],
  ['is for exposure.mode=ingress', { exposure: { ingress: { preset: 'traefik' } } }],
  ['names another controller', { exposure: { ingress: { className: 'nginx' } } }],
  ['set exposure.tls.enabled=true', { exposure: { tls: { secretName: 's' } } }],
  [
    'ingress-nginx would serve its fake certificate',
    { exposure: { tls: { enabled: true, secretName: 's' } } },
  ],
  ['defaultCertificate is set while', { 'ingress-nginx': { defaultCertificate: 's' } }],
  [
    'belongs to the Gateway',
    { ...gateway, exposure: { ...gateway.exposure, tls: { enabled: true, secretName: 's' } } },
  ],
  [
    'replicas=4 is set while autoscaling.mode=auto owns the number of pods: set autoscaling.min=4',
    { replicas: 4 },
  ],
  ['set autoscaling.min=1 instead', { replicas: 0, autoscaling: { mode: 'connections' } }],
  ['set exposure.host', { exposure: { extraHosts: ['b.example.com'] } }],
  ['service.externalTrafficPolicy is for', { service: { externalTrafficPolicy: 'Local' } }],
  ['service.loadBalancerClass is for', { service: { type: 'NodePort', loadBalancerClass: 'c' } }],
  ['or annotate your own', { serviceAccount: { create: false, annotations: { a: 'b' } } }],
  [
    'needs its own ServiceAccount',
    { serviceAccount: { create: false }, podDeletionCost: { enabled: true } },
  ],
  [
    'resources.limits.cpu=4 throttles config.WORKERS=4: set 5 or more, or null',
    { config: { WORKERS: 4 }, resources: { limits: { cpu: 4 } } },
  ],
  [
    'resources.limits.cpu=2500m throttles config.WORKERS=2: set 3 or more',
    { config: { WORKERS: 2 }, resources: { limits: { cpu: '2500m' } } },
  ],
  ['is above autoscaling.max', { autoscaling: { min: 5, max: 3 } }],
  [
    'set resources.requests.cpu',
    { autoscaling: { mode: 'resource' }, resources: { requests: null } },
  ],
  ['set autoscaling.keda.prometheusUrl', { autoscaling: { mode: 'keda' } }],
  ['set autoscaling.mode=keda', { autoscaling: { keda: { prometheusUrl: 'http://p' } } }],
  ['needs config.ROOM_ACCESS_URL', { config: { ROOM_ACCESS: 'webhook' } }],
  ['* is only allowed', { config: { CORS_ORIGINS: '*' } }],
  ['extraEnv contains PORT', { extraEnv: [{ name: 'PORT', value: '1' }] }],
  ['extraEnv contains JWT_SECRET', { extraEnv: [{ name: 'JWT_SECRET', value: 'x' }] }],
  ['less than ingress-nginx needs to notice a pod', { drain: { settleSeconds: 4 } }],
  [
    'set drain.seconds + drain.settleSeconds = 906 or more',
    { drain: { seconds: 900 }, 'ingress-nginx': { workerShutdownSeconds: 905 } },
  ],
];

describe('an invalid combination of values', () => {
  it.each(invalidCombinations)('is refused: %s, %o', (sentence, values) => {
    const { ok, text } = template(values);
    expect(text).toContain(sentence);
    expect(ok).toBe(false);
  });

  it('stays allowed next to it', () => {
    expect(template(gateway).ok).toBe(true);
    expect(template({ ...none, ...noRedis, ...fixed, replicas: 1 }).ok).toBe(true);
    expect(template({ global: { ofAnUmbrella: true } }).ok).toBe(true);
    for (const cpu of [null, 5, '5000m']) {
      const values = { config: { WORKERS: 4 }, resources: { limits: { cpu } } };
      expect(template(values).text).toContain('WORKERS: "4"');
    }
  });
});

const mistakes: [string, Values][] = [
  ["additional properties 'replicaCount' not allowed", { replicaCount: 3 }],
  ["additional properties 'PORT' not allowed", { config: { PORT: 80 } }],
  ["additional properties 'password' not allowed", { redis: { password: 'x' } }],
  ["additional properties 'admission' not allowed", { 'ingress-nginx': { admission: true } }],
  ['/replicas', { ...fixed, replicas: 'three' }],
  ['/replicas', { ...fixed, replicas: -1 }],
  ['/rollout/maxSurge', { rollout: { maxSurge: '0%' } }],
  ['/drain/seconds', { drain: { seconds: 3601 } }],
  ["additional properties 'DRAIN_MS_MAX' not allowed", { config: { DRAIN_MS_MAX: 1 } }],
  ["'POD_DELETION_COST' not allowed", { config: { POD_DELETION_COST: 'on' } }],
  ['/podDeletionCost/apiServerPorts', { podDeletionCost: { apiServerPorts: [] } }],
  ['/apiServerBlocks/0', { podDeletionCost: { apiServerBlocks: ['10.0.0.1'] } }],
  ['/exposure/mode', { exposure: { mode: 'loadbalancer' } }],
  ['/autoscaling/mode', { autoscaling: { mode: true } }],
  ['/config/WORKERS', { config: { WORKERS: 257 } }],
  ['/config/LOG_LEVEL', { config: { LOG_LEVEL: 'verbose' } }],
  ['/image/digest', { image: { digest: 'sha256:short' } }],
  ['/auth/algorithms/0', { auth: { jwksUrl: 'https://i', algorithms: ['none'] } }],
  ['/memory', { redis: { memory: '512M' } }],
  ['/externalRedis/url', { externalRedis: { url: 'http://r' } }],
  ['/exposure/cookie/name', { exposure: { cookie: { name: 'a b' } } }],
  ['/extraEnv/0', { extraEnv: [{ value: 'x' }] }],
];

describe('a mistake in a value', () => {
  it.each(mistakes)('is refused by the schema: %s, %o', (complaint, values) => {
    const { ok, text } = template(values);
    expect(text).toContain(complaint);
    expect(ok).toBe(false);
  });
});
