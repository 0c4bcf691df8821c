// `kubectl drain` of the node that everything runs on, with clients that count their messages.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Client, closeAll, connectMany, joinAll, perPod, tokenMaker } from './clients.ts';
import {
  eventually,
  get,
  inside,
  install,
  type Json,
  kubectl,
  note,
  openNamespace,
  serverPods,
  timed,
} from './cluster.ts';
import { behindGateway, hasGateway, leads, openGateway } from './gateway.ts';

const replicas = 3;

describe.runIf(await hasGateway())('a node drain', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;
  let gateway: Awaited<ReturnType<typeof openGateway>>;
  let clients: Client[] = [];
  let cordoned = '';

  beforeAll(async () => {
    home = await openNamespace('drain');
    gateway = await openGateway(home.namespace);
    const podLabels = { 'e2e-drain': home.namespace };
    const drain = { seconds: 3 };
    await install(home.namespace, { ...inside, ...behindGateway, replicas, podLabels, drain });
    await leads(gateway.url);
  });

  afterAll(async () => {
    if (cordoned) await kubectl('uncordon', cordoned);
    closeAll(clients);
    gateway?.close();
    await home?.close();
  });

  it('evicts one pod at a time, and no message is lost, duplicated or reordered', async () => {
    clients = await connectMany(60, gateway.url, await tokenMaker(home.namespace));
    await joinAll(clients, 'pier');
    const sending = sendUntil(clients[0] as Client);
    const before = await serverPods(home.namespace);
    const gone = before.map(({ metadata }: Json) => metadata.name);
    cordoned = before[0].spec.nodeName;
    const drained = timed('drain of three pods', () =>
      kubectl('drain', cordoned, `--pod-selector=e2e-drain=${home.namespace}`, '--timeout=200s'),
    );
    const least = watchReady(home.namespace, drained);
    await eventually(60, async () => {
      const names = (await serverPods(home.namespace)).map(({ metadata }: Json) => metadata.name);
      expect(names.filter((name) => !gone.includes(name))).not.toEqual([]);
    });
    await kubectl('uncordon', cordoned); // a cluster of one node has no other for the replacement
    await drained;
    expect(await least).toBeGreaterThanOrEqual(replicas - 1);
    const sent = await sending.stop();
    await eventually(20, async () => {
      for (const { texts } of clients) expect(texts).toEqual(sent);
    });
    const moves = clients.map(({ pods }) => pods.length - 1);
    note(`${sent.length} messages to 60 clients, each once and in order`);
    note(`reconnects per client: ${Math.min(...moves)} to ${Math.max(...moves)}`);
    expect(Object.keys(perPod(clients)).filter((pod) => gone.includes(pod))).toEqual([]);
  });
});

/** The lowest number of ready pods until `end`. */
async function watchReady(namespace: string, end: Promise<unknown>): Promise<number> {
  let [least, over] = [Number.POSITIVE_INFINITY, false];
  end.finally(() => {
    over = true;
  });
  while (!over) {
    const { status } = await get(namespace, 'poddisruptionbudget', 'mooring');
    least = Math.min(least, status.currentHealthy);
    await sleep(500);
  }
  return least;
}

/** Sends numbered messages, each until it is acknowledged. */
function sendUntil({ socket }: Client) {
  const sent: string[] = [];
  let on = true;
  const loop = (async () => {
    while (on) {
      const text = String(sent.length);
      const message = { roomId: 'pier', text, id: `n-${text}` };
      const reply = await socket
        .timeout(2_000)
        .emitWithAck('send_message', message)
        .catch(() => ({ ok: false }));
      if (reply.ok) sent.push(text);
      await sleep(100);
    }
  })();
  return {
    async stop() {
      on = false;
      await loop;
      return sent;
    },
  };
}
