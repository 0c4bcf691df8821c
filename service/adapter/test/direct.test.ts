// Packets to a single socket of this process, which no log stores: the connection may be dead long
// before anybody notices.
import type { Socket as ServerSocket } from 'socket.io';
import { connect } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { claimantOf, sendTo } from '../../../test/harness/moving.ts';
import { startRelay } from '../../../test/harness/relay.ts';
import { threeServers } from '../../../test/harness/servers.ts';
import { connected, next, until } from '../../../test/harness/service.ts';

type Options = NonNullable<Parameters<typeof threeServers>[0]>;
type Further = Parameters<typeof threeServers>[2];
type Node = Awaited<ReturnType<typeof threeServers>>['nodes'][number];

/** A client of the first server whose connection can break without the server noticing. */
async function oneClient(options: Options = {}, further: Further = {}, transports = ['websocket']) {
  const limits = new Set<string>();
  const observer = { limitReached: (limit: string) => limits.add(limit) };
  const parts = await threeServers({ ...options, observer }, '/', further);
  const [{ address, io }] = parts.nodes as [Node];
  const addressOf = (node: number) => parts.nodes[node]?.address as string;
  const relay = await startRelay(Number(new URL(address).port));
  const arrived = new Promise<ServerSocket>((resolve) => io.once('connection', resolve));
  const url = `http://127.0.0.1:${relay.port}`;
  const client = connect(url, { forceNew: true, transports, reconnectionDelay: 100 });
  onTestFinished(() => void client.disconnect());
  const seen: unknown[] = [];
  client.on('event', (value: unknown) => seen.push(value));
  const [socket] = await Promise.all([arrived, connected(client)]);
  const got = (value: unknown) => until(`${value} arrives`, () => seen.includes(value));
  return {
    ...parts,
    limits,
    relay,
    client,
    socket,
    seen,
    got,
    /** Breaks the connection unnoticed. The client reconnects to a server after `meanwhile`. */
    async lose(node: number, meanwhile: () => unknown) {
      client.io.reconnection(false);
      const gone = next(client, 'disconnect');
      relay.breakClients();
      await gone;
      await meanwhile();
      sendTo(client, addressOf(node));
      const back = next(client, 'connect');
      client.connect();
      await back;
    },
  };
}

const numbers = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('packets to a socket of this process', () => {
  it.each([
    ['the same server', 0],
    ['another server', 1],
  ])(
    'reach a client that comes back to %s from a connection that seemed alive',
    async (_, node) => {
      const { client, socket, seen, got, lose, servers } = await oneClient();
      for (const n of numbers(1, 5)) socket.emit('event', n);
      await got(5);
      await lose(node, async () => {
        for (const n of numbers(6, 12)) socket.emit('event', n);
        for (const n of numbers(13, 20)) servers[0]?.to(socket.id).emit('event', n);
      });
      expect(client.recovered).toBe(true);
      servers[2]?.emit('event', 'last');
      await got('last');
      expect(seen).toEqual([...numbers(1, 20), 'last']);
    },
  );

  it.each(['polling', 'websocket'])('are replayed over %s', async (transport) => {
    const { client, socket, seen, got, lose } = await oneClient({}, {}, [transport]);
    socket.emit('event', 1);
    await got(1);
    await lose(1, () => {
      socket.emit('event', 2);
      socket.emit('event', 'last');
    });
    await got('last');
    expect([client.recovered, ...seen]).toEqual([true, 1, 2, 'last']);
  });

  it('keep their place among messages to rooms', async () => {
    const { client, socket, seen, got, lose, nodes } = await oneClient();
    await socket.join('room');
    const { adapter, io } = nodes[0] as Node;
    let written = 0;
    socket.conn.on('packetCreate', () => {
      written += 1;
    });
    const publish = async (value: number) => {
      const before = written;
      await adapter.publish(io.to('room'), 'event', [value]);
      await until('it is written', () => written > before);
    };
    await publish(1);
    socket.emit('event', 2);
    await got(2);
    await lose(1, async () => {
      socket.emit('event', 3);
      await publish(4);
      socket.emit('event', 5);
      socket.emit('event', 6);
      await publish(7);
    });
    socket.emit('event', 'last'); // to its successor
    await got('last');
    expect([client.recovered, ...seen]).toEqual([true, 1, 2, 3, 4, 5, 6, 7, 'last']);
  });

  it('carry binary data when they are replayed', async () => {
    const { client, socket, lose } = await oneClient();
    const got = next(client, 'binary');
    const listened = new Promise<unknown[]>((resolve) => {
      client.on('binary', (...args) => resolve(args));
    });
    await lose(1, () => socket.emit('binary', Buffer.from([1, 2]), 'x', new Uint8Array([3])));
    await got;
    expect((await listened).slice(0, 3)).toEqual([Buffer.from([1, 2]), 'x', Buffer.from([3])]);
  });

  it('arrive once, however often the connection breaks', async () => {
    const { client, socket, seen, got, lose, nodes } = await oneClient();
    const next = new Map<number, Promise<ServerSocket>>();
    for (const [i, { io }] of nodes.entries()) {
      next.set(i, new Promise((resolve) => io.once('connection', resolve)));
    }
    socket.emit('event', 1);
    await got(1);
    await lose(1, () => socket.emit('event', 2));
    await got(2);
    const second = (await next.get(1)) as ServerSocket;
    second.emit('event', 3);
    await got(3);
    client.io.reconnection(false);
    client.io.engine.close();
    second.emit('event', 4);
    await until('it is noticed', () => !second.connected);
    second.emit('event', 5); // through Redis
    client.connect();
    await got(5);
    expect([client.recovered, ...seen]).toEqual([true, 1, 2, 3, 4, 5]);
  });

  it('arrive once, even if an earlier connection claims the session late', async () => {
    const { client, socket, seen, got, nodes } = await oneClient();
    client.io.reconnection(false);
    const [, { address, io }, { address: last }] = nodes as [Node, Node, Node];
    socket.emit('event', 1);
    await got(1);
    const late = claimantOf(client, address);
    socket.emit('event', 2);
    await got(2);
    const arrived = new Promise<ServerSocket>((resolve) => io.once('connection', resolve));
    const again = next(late, 'event');
    const gone = next(client, 'disconnect');
    late.connect();
    expect((await again)[0]).toBe(2);
    await gone;
    (await arrived).emit('event', 3);
    sendTo(client, last);
    client.connect();
    await got(3);
    expect([client.recovered, ...seen]).toEqual([true, 1, 2, 3]);
  });

  it('are read by who has received something later', async () => {
    const { client, socket, seen, got, lose } = await oneClient();
    socket.emit('event', 1);
    await got(1);
    socket.volatile.emit('event', 2);
    await got(2);
    await lose(1, () => {});
    socket.emit('event', 3);
    await got(3);
    expect([client.recovered, ...seen]).toEqual([true, 1, 2, 3]);
  });

  it('are replayed after the server has noticed the end of the connection, too', async () => {
    const { client, socket, seen, got, lose, relay } = await oneClient();
    socket.emit('event', 1);
    await got(1);
    await lose(1, async () => {
      socket.emit('event', 2);
      relay.cut();
      await until('it is noticed', () => !socket.connected);
    });
    await got(2);
    expect([client.recovered, ...seen]).toEqual([true, 1, 2]);
  });
});

describe('the limits of what a client may not have read', () => {
  const pings = { pingInterval: 50, pingTimeout: 20_000 };

  it.each([
    ['unconfirmedMessagesMax', { unconfirmedMessagesMax: 4 }],
    ['unconfirmedBytesMax', { unconfirmedBytesMax: 4_000 }],
    ['unconfirmedTotalBytesMax', { unconfirmedTotalBytesMax: 4_000 }],
  ])('of %s keep a client that missed more from being recovered', async (_, options) => {
    const { client, socket, limits, lose } = await oneClient(options);
    await lose(1, () => {
      for (const n of numbers(1, 10)) socket.emit('event', n, 'x'.repeat(500));
    });
    expect(client.recovered).toBe(false);
    expect(limits).toContain('unconfirmed');
  });

  it('count what was not read, not what was written', async () => {
    const { client, socket, seen, got, lose } = await oneClient({ unconfirmedMessagesMax: 4 });
    for (const n of numbers(1, 10)) socket.emit('event', n);
    await got(10);
    await lose(1, () => {
      for (const n of numbers(11, 14)) socket.emit('event', n);
    });
    await got(14);
    expect([client.recovered, ...seen]).toEqual([true, ...numbers(1, 14)]);
  });

  it('do not count what a heartbeat has confirmed', async () => {
    const total = { unconfirmedTotalBytesMax: 4_000 };
    const { client, socket, seen, got, lose } = await oneClient(total, pings);
    const [one, other] = ['x'.repeat(3_000), 'y'.repeat(3_000)];
    socket.emit('event', 1, one);
    await got(1);
    let heartbeats = 0;
    socket.conn.on('heartbeat', () => {
      heartbeats += 1;
    });
    await until('two heartbeats', () => heartbeats >= 2);
    await lose(1, () => socket.emit('event', 2, other));
    await got(2);
    expect([client.recovered, ...seen]).toEqual([true, 1, 2]);
  });

  it('leave nothing behind for a socket that is idle', async () => {
    const { socket, got } = await oneClient({}, pings);
    const listening = () => socket.conn.listenerCount('heartbeat');
    const before = listening();
    socket.emit('event', 1);
    await got(1);
    expect(listening()).toBe(before + 1);
    await until('it is confirmed', () => listening() === before);
  });
});
