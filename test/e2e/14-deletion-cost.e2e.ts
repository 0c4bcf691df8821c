// Scaling down takes the emptiest pod where pods keep their deletion cost, and else another one;
// and what their token is good for.
import { afterAll, beforeAll, expect, it } from 'vitest';
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

let homes: Home[] = [];
const [clients, doors]: [Client[], { close(): void }[]] = [[], []];

beforeAll(async () => {
  homes = await Promise.all(['cost', 'no-cost'].map(openNamespace));
  const { ports } = await get('default', 'endpointslice', 'kubernetes');
  const podDeletionCost = { enabled: true, apiServerPorts: ports.map(({ port }: Json) => port) };
  const values = { ...withoutVolume, ...swift, replicas: 3, config: { REBALANCE: 'off' } };
  const [on, off] = homes as [Home, Home];
  await Promise.all([
    install(on.namespace, { ...values, podDeletionCost, config: { REBALANCE: 'off', WORKERS: 2 } }),
    install(off.namespace, values),
  ]);
});

afterAll(async () => {
  closeAll(clients);
  for (const door of doors) door.close();
  await Promise.all(homes.map(({ close }) => close()));
});

/** Connects so many clients to each pod; the pods in this order. */
async function fill({ namespace }: Home): Promise<Json[]> {
  const pods = (await serverPods(namespace)).toSorted((a, b) =>
    a.metadata.uid < b.metadata.uid ? -1 : 1,
  );
  const tokenFor = await tokenMaker(namespace);
  await Promise.all(
    pods.map(async ({ metadata }, i) => {
      const door = await portForward(namespace, `pod/${metadata.name}`, 3000);
      doors.push(door);
      const options = { transports: ['websocket'], reconnection: false };
      clients.push(...(await connectMany(sizes[i] as number, door.url, tokenFor, options)));
    }),
  );
  return pods;
}

const costs = async ({ namespace }: Home, pods: Json[]) => {
  const now = await Promise.all(pods.map(({ metadata }) => get(namespace, 'pod', metadata.name)));
  return now.map(({ metadata }) => metadata.annotations[annotation]);
};

/**
 * Resolves once Kubernetes sees no difference between the ages of pods, which it takes in powers of
 * two seconds: it then picks the first by uid.
 */
const ofOneAge = (pods: Json[]) =>
  eventually(60, async () => {
    const ages = pods.flatMap(({ status }) => {
      const ready = status.conditions.find(({ type }: Json) => type === 'Ready');
      const seconds = (Date.now() - Date.parse(ready.lastTransitionTime)) / 1000;
      return [seconds - 1, seconds + 3].map((age) => Math.floor(Math.log2(age)));
    });
    expect(new Set(ages).size).toBe(1);
  });

/** The names of the pods that go. */
async function scaleDown({ namespace }: Home, pods: Json[]): Promise<string[]> {
  await kubectl('-n', namespace, 'scale', 'deployment/mooring', '--replicas=2');
  return eventually(10, async () => {
    const left = (await serverPods(namespace)).map(({ metadata }) => metadata.name);
    expect(left).toHaveLength(2);
    return pods.map(({ metadata }) => metadata.name).filter((name) => !left.includes(name));
  });
}

it('scaling down takes the emptiest pod, which Kubernetes by itself does not', async () => {
  const [on, off] = homes as [Home, Home];
  const [pods, others] = await Promise.all([fill(on), fill(off)]);
  await timed('connections to costs', () =>
    eventually(30, async () => expect(await costs(on, pods)).toEqual(sizes.map(String))),
  );
  expect(await costs(off, others)).toEqual(sizes.map(() => undefined));
  await ofOneAge([...pods, ...others]);
  const [gone, without] = await Promise.all([scaleDown(on, pods), scaleDown(off, others)]);
  expect(gone).toEqual([pods[2].metadata.name]);
  expect(without).not.toEqual([others[2].metadata.name]);
});

it('the token of a pod is good for its own cost alone', async () => {
  const [{ namespace }] = homes as [Home];
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
