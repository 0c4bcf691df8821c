// What a pod may reach, asked from pods.
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  apply,
  eventually,
  get,
  image,
  install,
  kubectl,
  node,
  openNamespace,
  swift,
  withoutVolume,
} from './cluster.ts';

let home: Awaited<ReturnType<typeof openNamespace>>;

beforeAll(async () => {
  home = await openNamespace('network');
  await install(home.namespace, { ...withoutVolume, ...swift });
  await apply(stranger(home.namespace));
  await kubectl('-n', home.namespace, 'wait', 'pod/stranger', '--for=condition=Ready');
});

afterAll(() => home?.close());

/** `open`, `closed`, or why the name is unknown. */
const reach = (from: string, host: string, port: number) =>
  node(
    home.namespace,
    from,
    `import { connect } from 'node:net';
    const socket = connect({ host: '${host}', port: ${port}, timeout: 3000 });
    const say = (text) => { console.log(text); process.exit(); };
    socket.on('connect', () => say('open')).on('timeout', () => say('closed'));
    socket.on('error', ({ code }) => say(code === 'ENOTFOUND' ? code : 'closed'));`,
  );

const says = (from: string, host: string, port: number, answer: string) =>
  eventually(10, async () => expect(await reach(from, host, port)).toBe(answer));

it('a stranger reaches the public port and nothing else', async () => {
  await says('pod/stranger', 'mooring-redis', 6379, 'closed');
  await says('pod/stranger', 'mooring-operations', 3001, 'closed');
  await says('pod/stranger', 'mooring', 80, 'open');
});

it('the service reaches DNS and Redis, and nothing else', async () => {
  await says('deployment/mooring', 'mooring-redis', 6379, 'open');
  const { status } = await get(home.namespace, 'pod', 'stranger');
  await says('pod/stranger', status.podIP, 8080, 'open');
  await says('deployment/mooring', status.podIP, 8080, 'closed');
});

it('Redis reaches nobody', async () => {
  const args = ['-n', home.namespace, 'exec', 'mooring-redis-0', '--'];
  const dial = 'timeout 3 bash -c "</dev/tcp/$0/80" 2>/dev/null && echo open || echo closed';
  const { spec } = await get(home.namespace, 'service', 'mooring');
  expect(await kubectl(...args, 'bash', '-c', dial, spec.clusterIP)).toBe('closed');
});

const stranger = (namespace: string) => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'stranger', namespace },
  spec: {
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [
      {
        name: 'stranger',
        image,
        imagePullPolicy: 'IfNotPresent',
        command: ['node', '-e', 'require("node:net").createServer().listen(8080)'],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
    terminationGracePeriodSeconds: 1,
  },
});
