// The autoscalers: by CPU, and by connections.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, closeAll, connectMany, joinAll, tokenMaker } from './clients.ts';
import {
  eventually,
  get,
  install,
  openNamespace,
  portForward,
  swift,
  timed,
  withoutVolume,
} from './cluster.ts';
import { behindGateway, has, hasGateway, leads, openGateway } from './gateway.ts';

const replicasOf = async (namespace: string): Promise<number> =>
  (await get(namespace, 'deployment', 'mooring')).spec.replicas;

const hasMetrics = await has('metrics-server', 'apiservice', 'v1beta1.metrics.k8s.io');
const hasCustom = await has('prometheus-adapter', 'apiservice', 'v1beta1.custom.metrics.k8s.io');

describe.runIf(hasMetrics)('autoscaling by CPU', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;
  let clients: Client[] = [];

  beforeAll(async () => {
    home = await openNamespace('cpu');
    // At once, without the chart's 90 seconds of demand.
    const behavior = { scaleUp: { stabilizationWindowSeconds: 0 } };
    const autoscaling = { mode: 'resource', min: 1, max: 3, behavior };
    await install(home.namespace, { ...withoutVolume, ...swift, autoscaling });
  });

  afterAll(async () => {
    closeAll(clients);
    await home?.close();
  });

  it('adds pods under load', async () => {
    const forward = await portForward(home.namespace, 'service/mooring', 80);
    clients = await connectMany(20, forward.url, await tokenMaker(home.namespace));
    await joinAll(clients, 'pier');
    const load = setInterval(() => {
      for (const { socket } of clients) {
        socket.emit('send_message', { roomId: 'pier', text: 'x'.repeat(200) });
      }
    }, 50);
    try {
      await timed('load to a second pod', () =>
        eventually(240, async () => expect(await replicasOf(home.namespace)).toBeGreaterThan(1)),
      );
    } finally {
      clearInterval(load);
      forward.close();
    }
  });
});

describe.runIf(hasCustom && (await hasGateway()))('autoscaling by connections', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;
  let gateway: Awaited<ReturnType<typeof openGateway>>;
  let clients: Client[] = [];

  beforeAll(async () => {
    home = await openNamespace('connections');
    gateway = await openGateway(home.namespace);
    const up = { policies: [{ type: 'Pods', value: 4, periodSeconds: 30 }] };
    // The chart's ten quiet minutes and 77 s a pod, shortened. Within a policy's period Kubernetes
    // takes a scale-up back at once: the window is longer than that.
    const down = { stabilizationWindowSeconds: 20 };
    const policies = [{ type: 'Pods', value: 1, periodSeconds: 5 }];
    const behavior = { scaleUp: up, scaleDown: { ...down, policies } };
    const size = { mode: 'connections', min: 2, max: 8, connectionsPerPod: 50 };
    const autoscaling = { ...size, behavior, cpuPercent: 1000 };
    await install(home.namespace, { ...withoutVolume, ...behindGateway, ...swift, autoscaling });
    await leads(gateway.url);
  });

  afterAll(async () => {
    closeAll(clients);
    gateway?.close();
    await home?.close();
  });

  it('goes to six pods for 300 connections, and down one by one when they leave', async () => {
    const options = { transports: ['websocket'] };
    clients = await connectMany(300, gateway.url, await tokenMaker(home.namespace), options);
    expect(clients.flatMap(({ errors }) => errors)).toEqual([]);
    await timed('300 connections to six pods', () =>
      eventually(120, async () => expect(await replicasOf(home.namespace)).toBe(6)),
    );
    closeAll(clients);
    const sizes = [6]; // each lasts for 5 s: none is missed
    await timed('back to two pods', () =>
      eventually(240, async () => {
        const size = await replicasOf(home.namespace);
        if (size !== sizes.at(-1)) sizes.push(size);
        expect(size).toBe(2);
      }),
    );
    expect(sizes).toEqual([6, 5, 4, 3, 2]);
  });
});
