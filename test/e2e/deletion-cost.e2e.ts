// Scaling down takes the emptiest pod where pods keep their deletion cost; and what their token is
// good for.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import { type Client, closeAll, connectMany, tokenMaker } from './clients.ts';
import {
  eventually,
  get,
  install,
  type Json,
  kubectl,
  node,
  openNamespace,
  portForward,
  serverPods,
  swift,
  timed,
  withoutVolume,
} from './cluster.ts';

type Home = Awaited<ReturnType<typeof openNamespace>>;

const annotation = 'controller.kubernetes.io/pod-deletion-cost';
const sizes = [6, 5, 1]; // connections of the pods, in the order of their uids

let home: Home;
const [clients, forwards]: [Client[], { close(): void }[]] = [[], []];

beforeAll(async () => {
  home = await openNamespace('cost');
  const { ports } = await get('default', 'endpointslice', 'kubernetes');
  const podDeletionCost = { enabled: true, apiServerPorts: ports.map(({ port }: Json) => port) };
  const values = { ...withoutVolume, ...swift, replicas: 3, podDeletionCost };
  await install(home.namespace, { ...values, config: { REBALANCE: 'off', WORKERS: 2 } });
});

afterEach(() => {
  closeAll(clients.splice(0));
  for (const forward of forwards.splice(0)) forward.close();
});

afterAll(() => home?.close());

/** Connects so many clients to each pod; the pods in this order. */
async function fill({ namespace }: Home): Promise<Json[]> {
  const pods = (await serverPods(namespace)).toSorted((a, b) =>
    a.metadata.uid < b.metadata.uid ? -1 : 1,
  );
  const tokenFor = await tokenMaker(namespace);
  await Promise.all(
    pods.map(async ({ metadata }, i) => {
      const forward = await portForward(namespace, `pod/${metadata.name}`, 3000);
      forwards.push(forward);
      const options = { transports: ['websocket'], reconnection: false };
      clients.push(...(await connectMany(sizes[i] as number, forward.url, tokenFor, options)));
    }),
  );
  return pods;
}

const costs = async ({ namespace }: Home, pods: Json[]) => {
  const now = await Promise.all(pods.map(({ metadata }) => get(namespace, 'pod', metadata.name)));
  return now.map(({ metadata }) => metadata.annotations[annotation]);
};

async function scale({ namespace }: Home, replicas: number): Promise<void> {
  await kubectl('-n', namespace, 'scale', 'deployment/mooring', `--replicas=${replicas}`);
  await kubectl('-n', namespace, 'rollout', 'status', 'deployment/mooring', '--timeout=60s');
}

it('scaling down takes the emptiest pod', async () => {
  await scale(home, 3);
  const pods = await fill(home);
  await timed('connections to costs', () =>
    eventually(40, async () => expect(await costs(home, pods)).toEqual(sizes.map(String))),
  );
  await scale(home, 2);
  const left = await eventually(10, async () => {
    const names = (await serverPods(home.namespace)).map(({ metadata }) => metadata.name);
    expect(names).toHaveLength(2);
    return names;
  });
  expect(left).not.toContain(pods[2].metadata.name); // Kubernetes by itself takes the first uid
});

it('the token of a pod is good for its own cost alone', async () => {
  const { namespace } = home;
  const [{ metadata: own }, { metadata: other }] = await serverPods(namespace);
  const patch = (path: string, change: object) =>
    node(
      namespace,
      `pod/${own.name}`,
      `import { readFileSync } from 'node:fs';
      import { request } from 'node:https';
      const of = (name) =>
        readFileSync('/var/run/secrets/kubernetes.io/serviceaccount/' + name, 'utf8');
      request({
        host: process.env.KUBERNETES_SERVICE_HOST, port: process.env.KUBERNETES_SERVICE_PORT,
        method: 'PATCH', ca: of('ca.crt'), path: '/api/v1/namespaces/${namespace}/pods/${path}',
        headers: {
          'content-type': 'application/merge-patch+json', authorization: 'Bearer ' + of('token')
        },
      }, ({ statusCode }) => { console.log(statusCode); process.exit(); })
        .end(${JSON.stringify(JSON.stringify(change))});`,
    );
  const cost = { metadata: { annotations: { [annotation]: '7' } } };
  expect(await patch(`${own.name}/status`, cost)).toBe('200');
  expect(await patch(`${other.name}/status`, cost)).toBe('422');
  expect(await patch(own.name, cost)).toBe('403');
  const changes = [
    { metadata: { annotations: { 'example.com/other': '1' } } },
    { metadata: { annotations: { 'prometheus.io/scrape': null } } },
    { metadata: { labels: { 'example.com/other': '1' } } },
    { metadata: { finalizers: ['example.com/other'] } },
    { status: { podIP: '127.0.0.1', podIPs: [{ ip: '127.0.0.1' }] } },
  ];
  for (const change of changes) expect(await patch(`${own.name}/status`, change)).toBe('422');
});
