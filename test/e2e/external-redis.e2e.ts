// redis.enabled=false: a Redis of the user's, by TLS with a private authority, in all three modes.
import { afterAll, beforeAll, expect, it } from 'vitest';
import { helm, inside, install, openNamespace, swift, timed, type Values } from './cluster.ts';
import { ask, openStore, password, ports } from './store.ts';

let home: Awaited<ReturnType<typeof openNamespace>>;

beforeAll(async () => {
  home = await openNamespace('external');
  await timed('a Redis, a Sentinel and a cluster by TLS', () => openStore(home.namespace));
});

afterAll(() => home?.close());

const nodes = ports.nodes.map((port) => `rediss://:${encodeURIComponent(password)}@store:${port}`);
const modes: [string, readonly number[], Values, Values?][] = [
  ['single', [ports.single], { existingSecret: 'redis-address' }],
  [
    'sentinel',
    [ports.single],
    {
      ...{ mode: 'sentinel', sentinelName: 'chat', sentinelPasswordKey: 'sentinel-password' },
      ...{ existingSecret: 'redis-address', existingSecretKey: 'sentinels' },
    },
    { extraEgress: [{ ports: [{ port: ports.sentinel }] }] },
  ],
  ['cluster', ports.nodes, { mode: 'cluster', url: nodes.join(',') }],
];

it.each(modes)('%s: helm test passes, through it', async (mode, servers, external, policy = {}) => {
  const { namespace } = home;
  for (const port of servers) await ask(namespace, port, 'flushall');
  await timed(`${mode} ready and checked`, async () => {
    await install(namespace, {
      ...{ ...inside, ...swift, redis: { enabled: false }, networkPolicy: policy },
      externalRedis: { ...external, caSecret: 'redis-ca' },
      auth: { issuer: 'https://issuer.example.com/', audience: 'chat' }, // of helm test's tokens
    });
    await helm(['test', 'mooring', '-n', namespace, '--logs']);
  });
  const keys = await Promise.all(servers.map((port) => ask(namespace, port, 'keys', 'mooring:*')));
  expect(keys.join('\n')).toContain('mooring:');
});
