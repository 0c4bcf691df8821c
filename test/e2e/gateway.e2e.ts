// Three pods behind Envoy Gateway, and clients that begin with polling.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Client,
  closeAll,
  connectMany,
  joinAll,
  perPod,
  tokenMaker,
  welcomed,
} from './clients.ts';
import { eventually, helm, inside, install, note, openNamespace, swift, timed } from './cluster.ts';
import { behindGateway, hasGateway, leads, openGateway } from './gateway.ts';

const clientsCount = 200;

describe.runIf(await hasGateway())('through Envoy Gateway', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;
  let gateway: Awaited<ReturnType<typeof openGateway>>;
  let clients: Client[] = [];

  beforeAll(async () => {
    home = await openNamespace('gateway');
    gateway = await openGateway(home.namespace);
    const tests = { url: gateway.urlInside };
    const config = { REBALANCE: 'off' }; // which moves clients on purpose; here they are to stay
    const values = { ...inside, ...behindGateway, ...swift, replicas: 3, config, tests };
    await install(home.namespace, values);
    await leads(gateway.url);
  });

  afterAll(async () => {
    closeAll(clients);
    gateway?.close();
    await home?.close();
  });

  it('every client gets in with default transports, over all pods', async () => {
    const tokenFor = await tokenMaker(home.namespace);
    clients = await timed(`${clientsCount} clients in`, () =>
      connectMany(clientsCount, gateway.url, tokenFor),
    );
    expect(clients.flatMap(({ errors }) => errors)).toEqual([]);
    expect(Object.keys(perPod(clients))).toHaveLength(3);
    note(`per pod: ${Object.values(perPod(clients)).join(', ')}`);
    await eventually(10, async () => {
      const names = clients.map(({ socket }) => socket.io.engine.transport.name);
      expect(new Set(names)).toEqual(new Set(['websocket']));
    });
  });

  it('the cookie brings each back to its pod', async () => {
    const before = clients.map(({ pods }) => pods.at(-1));
    for (const { socket, pods } of clients) {
      pods.length = 0;
      socket.io.engine.close();
    }
    await welcomed(clients);
    expect(clients.map(({ pods }) => pods.at(-1))).toEqual(before);
  });

  it('a message reaches everybody on every pod, once', async () => {
    await joinAll(clients, 'pier');
    const [sender] = clients;
    const message = { roomId: 'pier', text: 'to all' };
    await sender?.socket.timeout(10_000).emitWithAck('send_message', message);
    await eventually(10, async () => {
      expect(clients.filter(({ texts }) => texts.join() === 'to all')).toHaveLength(clientsCount);
    });
  });

  it('mooring check finds nothing to mend', async () => {
    closeAll(clients);
    await timed('helm test through the Gateway', () =>
      helm(['test', 'mooring', '-n', home.namespace, '--logs']),
    );
  });
});
