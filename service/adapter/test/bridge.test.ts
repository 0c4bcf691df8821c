// A migration from @socket.io/redis-adapter: servers with the stock adapter and with this one on
// one Redis.
import { createServer } from 'node:http';
import { createClient } from '@redis/client';
import { createAdapter as createStockAdapter } from '@socket.io/redis-adapter';
import { Emitter } from '@socket.io/redis-emitter';
import { Server, type ServerOptions } from 'socket.io';
import { connect, type Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../../../test/harness/redis.ts';
import { connected, next, until } from '../../../test/harness/service.ts';
import { listen } from '../../api/router.ts';
import { createAdapter, type GivenOptions } from '../index.ts';

interface Node {
  io: Server;
  port: number;
  close(): Promise<void>;
}

async function startNode(adapter: ServerOptions['adapter'], port = 0): Promise<Node> {
  const http = createServer();
  const connectionStateRecovery = { maxDisconnectionDuration: 10_000 };
  const io = new Server(http, { adapter, connectionStateRecovery, pingInterval: 1_000 });
  io.on('connection', (socket) => {
    socket.on('join', async (room, answer) => {
      await socket.join(room);
      answer();
    });
  });
  return { io, port: await listen(http, port, '127.0.0.1'), close: () => io.close() };
}

async function startStock(url: string, key = 'socket.io', port = 0): Promise<Node> {
  const publisher = await createClient({ url })
    .on('error', () => {})
    .connect();
  const subscriber = await publisher.duplicate().connect();
  const node = await startNode(createStockAdapter(publisher, subscriber, { key }), port);
  return {
    ...node,
    async close() {
      await node.close();
      await Promise.all([publisher.close(), subscriber.close()]);
    },
  };
}

async function startOurs(url: string, options: GivenOptions, port = 0): Promise<Node> {
  const adapter = createAdapter(createClient({ url }), { observer: {}, ...options });
  const node = await startNode(adapter as unknown as ServerOptions['adapter'], port);
  await adapter.ready();
  return node;
}

/** A client that reconnects to the same port. */
function open({ port }: Node): Socket {
  const client = connect(`http://127.0.0.1:${port}`, {
    forceNew: true,
    transports: ['websocket'],
    reconnectionDelay: 50,
    reconnectionDelayMax: 200,
  });
  onTestFinished(() => void client.disconnect());
  return client;
}

/** A stock server and one with this adapter, each with a client in the room `room`. */
async function startBoth(options: GivenOptions, stockKey?: string) {
  const { url } = await startRedis();
  const nodes = await Promise.all([startStock(url, stockKey), startOurs(url, options)]);
  onTestFinished(async () => {
    await Promise.all(nodes.map((node) => node.close()));
  });
  const clients = await Promise.all(nodes.map((node) => connected(open(node))));
  const seen = clients.map((client) => {
    const events: unknown[] = [];
    client.on('event', (value) => events.push(value));
    return events;
  });
  for (const client of clients) await client.emitWithAck('join', 'room');
  const [stock, ours] = nodes as [Node, Node];
  await until('they know each other', async () => {
    const counts = nodes.map(({ io }) => io.of('/').adapter.serverCount());
    return (await Promise.all(counts)).every((count) => count === 2);
  });
  return { url, stock, ours, clients: clients as [Socket, Socket], seen };
}

describe.each([
  ['with the same key', { bridge: true }, undefined],
  ['with a key of their own', { bridge: 'theirs', key: 'ours' }, 'theirs'],
])('bridged to stock servers %s, messages', (_, options, stockKey) => {
  it('reach the clients of both, once, whatever their form', async () => {
    const { stock, ours, clients, seen } = await startBoth(options, stockKey);
    const [, own] = clients.map(({ id }) => id as string);
    for (const { io } of [stock, ours]) {
      io.to('room').volatile.emit('event', 'volatile'); // first: a busy socket drops it
      await until('it arrives', () => seen.every((events) => events.length === 1));
      io.emit('event', 'to everyone');
      io.to('room').emit('event', 'to a room');
      io.to(['room', 'another']).emit('event', 'to rooms');
      io.to('room').emit('event', Buffer.from('binary'));
      io.except('room').emit('event', 'to nobody');
      for (const { id } of clients) io.to(id as string).emit('event', 'direct');
      io.except(own as string).emit('event', 'to the other');
      io.emit('event', 'last');
      await until('all is there', () => seen.every((events) => events.includes('last')));
      const common = ['to everyone', 'to a room', 'to rooms', 'volatile'];
      const all = [...common, Buffer.from('binary'), 'direct', 'to the other', 'last'];
      const sorted = (events: unknown[]) => events.map(String).sort();
      expect(sorted(seen[0] as unknown[])).toEqual(sorted(all));
      expect(sorted(seen[1] as unknown[])).toEqual(sorted(all.filter((e) => e !== 'to the other')));
      for (const events of seen) events.length = 0;
    }
  });
});

describe('bridged to stock servers', () => {
  it('requests and acknowledgements work both ways', async () => {
    const { stock, ours, clients } = await startBoth({ bridge: true });
    for (const client of clients) client.on('question', (answer) => answer('yes'));
    for (const { io } of [stock, ours]) {
      expect(await io.in('room').fetchSockets()).toHaveLength(2);
      expect(await io.to('room').timeout(5_000).emitWithAck('question')).toEqual(['yes', 'yes']);
    }
    const gone = clients.map((client) => next(client, 'disconnect'));
    const last = clients.map((client) => next(client, 'event'));
    ours.io.to('room').emit('event', 'bye');
    ours.io.in('room').disconnectSockets();
    await Promise.all([...last, ...gone]); // in this order
  });

  it('a message with an idempotency key reaches them once', async () => {
    const { ours, clients, seen } = await startBoth({ bridge: true });
    const { publish, key } = Reflect.get(ours.io, '_adapter') as ReturnType<typeof createAdapter>;
    const once = { once: { key: key('once'), ms: 60_000 } };
    for (let i = 0; i < 2; i += 1) await publish(ours.io.to('room'), 'event', ['once'], once);
    await publish(ours.io.to('room'), 'event', ['last']);
    await until('all is there', () => seen.every((events) => events.includes('last')));
    expect(seen).toEqual(clients.map(() => ['once', 'last']));
  });

  it('a client that may have missed one of their messages is not recovered', async () => {
    const { stock, ours, clients, seen } = await startBoth({ bridge: true });
    const reconnect = async (meanwhile: () => void) => {
      clients[1].io.reconnection(false);
      clients[1].io.engine.close();
      meanwhile();
      await until('it is there', () => seen[0]?.at(-1) === 'meanwhile');
      clients[1].connect();
      await next(clients[1], 'connect');
      return clients[1].recovered;
    };
    ours.io.emit('event', 'before');
    await until('it arrives', () => seen[1]?.at(-1) === 'before');
    expect(await reconnect(() => ours.io.emit('event', 'meanwhile'))).toBe(true);
    await until('it is replayed', () => seen[1]?.at(-1) === 'meanwhile');
    seen[0]?.push('again');
    expect(await reconnect(() => stock.io.emit('event', 'meanwhile'))).toBe(false);
  });
});

describe('without the bridge', () => {
  it('a message from a stock server arrives, and is reported once', async () => {
    const reports: string[] = [];
    const failed = (stage: string, error: unknown) => void reports.push(`${stage}: ${error}`);
    const { url, stock, seen } = await startBoth({ observer: { failed } });
    const redis = await createClient({ url }).connect();
    onTestFinished(() => redis.destroy());
    const emitter = new Emitter(redis);
    emitter.to('room').emit('event', 'from an emitter');
    await until('it arrives', () => seen[1]?.length === 1);
    expect(reports).toEqual([]);
    for (let n = 0; n < 2; n += 1) stock.io.to('room').emit('event', n);
    await until('they arrive', () => seen[1]?.length === 3);
    expect(reports).toEqual([expect.stringMatching(/^stock_servers: .*set the option bridge/)]);
  });
});

describe('a rollout', () => {
  it('from stock servers to this adapter and back loses and repeats nothing', async () => {
    const { url } = await startRedis();
    const starters = {
      stock: (port?: number) => startStock(url, 'socket.io', port),
      ours: (port?: number) => startOurs(url, { bridge: true }, port),
    };
    const nodes = await Promise.all([starters.stock(), starters.stock(), starters.stock()]);
    onTestFinished(async () => {
      await Promise.all(nodes.map((node) => node.close()));
    });
    const witnesses = await Promise.all(nodes.map(witness));
    let published = 0;
    let replaced: number | undefined; // the server that is being replaced publishes nothing
    const publishing = setInterval(() => {
      const index = published % nodes.length;
      if (index !== replaced) {
        nodes[index]?.io.to('room').emit('event', published);
        for (const one of witnesses) one.sent(published);
      }
      published += 1;
    }, 2);
    onTestFinished(() => clearInterval(publishing));
    const morePublished = async (count: number) => {
      const enough = published + count;
      await until('more is published', () => published >= enough);
    };
    for (const kind of ['ours', 'stock'] as const) {
      for (const index of nodes.keys()) {
        await morePublished(100);
        replaced = index;
        await witnesses[index]?.leave();
        const { port, close } = nodes[index] as Node;
        await close();
        nodes[index] = await starters[kind](port);
        await witnesses[index]?.enter();
        replaced = undefined;
      }
    }
    await morePublished(100);
    clearInterval(publishing);
    for (const one of witnesses) {
      await until('everything arrives', () => one.missing().length === 0).catch(() => {});
      expect(one.missing()).toEqual([]);
      expect(one.repeated()).toEqual([]);
    }
    expect(published).toBeGreaterThan(600);
  });

  /** A client of one server, what it must receive while it is there, and what it received. */
  async function witness(node: Node) {
    const client = open(node);
    const owed = new Set<number>();
    const received: number[] = [];
    client.on('event', (n: number) => received.push(n));
    let isThere = false;
    const enter = async () => {
      if (!client.connected) await connected(client);
      await client.emitWithAck('join', 'room');
      isThere = true;
    };
    await enter();
    return {
      enter,
      sent: (n: number) => void (isThere && owed.add(n)),
      missing: () => [...owed].filter((n) => !received.includes(n)),
      repeated: () => received.filter((n, i) => received.indexOf(n) !== i),
      /** Resolves when it has received everything until now. */
      async leave() {
        isThere = false;
        await until('everything arrives', () => [...owed].every((n) => received.includes(n)));
      },
    };
  }
});
