// Joins that nobody awaits, while other processes publish to the room.
import type { AddressInfo } from 'node:net';
import { createClient } from '@redis/client';
import { Server, type Socket } from 'socket.io';
import { connect } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sendTo } from '../../../test/harness/moving.ts';
import { startRedis } from '../../../test/harness/redis.ts';
import { nearAndFar } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';
import { createMemoryStore } from '../engine/memory/engine.ts';
import { createAdapter, createMemoryAdapter } from '../index.ts';
import { defaultOptions } from '../options.ts';

const rounds = Array.from({ length: 20 }, (_, n) => n);
const numbers = [0, 1, 2];

/** Creates the adapters of several processes on one engine. */
const kinds: [string, () => Promise<() => ReturnType<typeof createAdapter>>][] = [
  [
    'Redis',
    async () => {
      const { url } = await startRedis();
      return () => createAdapter(createClient({ url }), { observer: {} });
    },
  ],
  [
    'memory',
    async () => {
      const store = createMemoryStore({ ...defaultOptions, recoveryMsMax: 10_000 });
      return () => createMemoryAdapter({ observer: {} }, store);
    },
  ],
];

describe.each(kinds)('with the engine of %s', (_, open) => {
  /** Two servers, a socket of the first one, and the events that its client gets. */
  async function twoServers() {
    const create = await open();
    const [one, other] = [create(), create()].map((adapter) => {
      const connectionStateRecovery = { maxDisconnectionDuration: 10_000 };
      const io = new Server({ adapter, connectionStateRecovery });
      onTestFinished(() => io.close());
      return { io: io.listen(0), adapter };
    }) as [{ io: Server; adapter: ReturnType<typeof create> }, { io: Server }];
    const { port } = Reflect.get(one.io, 'httpServer').address() as AddressInfo;
    const arrived = new Promise<Socket>((resolve) => one.io.once('connection', resolve));
    const client = connect(`http://localhost:${port}`, {
      forceNew: true,
      transports: ['websocket'],
    });
    onTestFinished(() => void client.disconnect());
    const seen: unknown[] = [];
    client.on('event', (value: unknown) => seen.push(value));
    const socket = await arrived;
    await until(
      'the servers know each other',
      async () => (await other.io.of('/').adapter.serverCount()) === 2,
    );
    return { one: one.io, other: other.io, socket, client, seen };
  }

  it('a room gets what another server emits right after the call of join', async () => {
    const { other, socket, seen } = await twoServers();
    const wanted = rounds.flatMap((n) => numbers.map((m) => `${n} ${m}`));
    for (const n of rounds) {
      void socket.join(`room-${n}`);
      for (const m of numbers) other.to(`room-${n}`).emit('event', `${n} ${m}`);
      await until('they arrive', () => seen.includes(`${n} ${numbers.at(-1)}`));
    }
    expect(seen).toEqual(wanted);
  });

  it('a room gets it between what other rooms get, in order', async () => {
    const { other, socket, seen } = await twoServers();
    await socket.join('known');
    for (const n of rounds) {
      void socket.join(`room-${n}`);
      other.to('known').emit('event', `${n} first`);
      other.to([`room-${n}`, 'known']).emit('event', `${n} both`);
      other.to(`room-${n}`).emit('event', `${n} last`);
    }
    await until('the last one arrives', () => seen.includes(`${rounds.at(-1)} last`));
    expect(seen).toEqual(rounds.flatMap((n) => [`${n} first`, `${n} both`, `${n} last`]));
  });

  it.each(['one', 'other'] as const)(
    'a room gets what server %s emits right after socketsJoin',
    async (name) => {
      const { socket, seen, ...servers } = await twoServers();
      const io = servers[name];
      for (const n of rounds) {
        io.in(socket.id).socketsJoin(`room-${n}`);
        for (const m of numbers) io.to(`room-${n}`).emit('event', `${n} ${m}`);
      }
      const wanted = rounds.flatMap((n) => numbers.map((m) => `${n} ${m}`));
      await until('all arrive', () => seen.length === wanted.length);
      expect(seen).toEqual(wanted);
    },
  );

  it('a room gets nothing from before the join', async () => {
    const { one, other, socket, client, seen } = await twoServers();
    for (const n of rounds) {
      other.to(`room-${n}`).emit('event', 'before');
      one.to(`room-${n}`).emit('event', 'before');
    }
    for (const server of [one, other]) {
      const asked = new Promise((resolve) => server.once('asked', resolve));
      (server === one ? other : one).serverSideEmit('asked');
      await asked; // what was emitted before is published
    }
    for (const n of rounds) void socket.join(`room-${n}`);
    for (const n of rounds) other.to(`room-${n}`).emit('event', n);
    await until('the last one arrives', () => seen.length >= rounds.length);
    const back = next(client, 'connect');
    client.io.engine.close();
    await back;
    other.to('room-0').emit('event', 'last');
    await until('the last one arrives', () => seen.includes('last'));
    expect(seen).toEqual([...rounds, 'last']);
  });
});

describe('while the subscription is on its way to Redis', () => {
  it('what is published is kept, and the socket gets everything in order', async () => {
    const { relay, publish, connect } = await nearAndFar();
    const { socket, seen } = await connect();
    await socket.join('known');
    relay.hold();
    const joined = socket.join('room');
    await publish(['room'], 1);
    await publish(['known'], 2);
    await publish(['room', 'known'], 3);
    await publish(['room'], 4);
    relay.pass();
    await joined;
    await publish(['room'], 5);
    await until('the last one arrives', () => seen.includes(5));
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('a client that reconnects then gets what it was not sent', async () => {
    const { relay, near, publish, connect } = await nearAndFar();
    const { client, socket, seen } = await connect();
    await socket.join('known');
    relay.hold();
    const joined = socket.join('room');
    await publish(['room'], 1);
    await publish(['known'], 2);
    const shown = next(client, 'direct');
    await until('the second one has arrived', () => {
      socket.emit('direct');
      return true;
    });
    await shown;
    client.io.reconnection(false);
    client.io.engine.close();
    await until('it is gone', () => !socket.connected);
    relay.pass();
    await Promise.allSettled([joined]);
    client.connect();
    await next(client, 'connect');
    near.io.to('room').emit('event', 3);
    await until('the last one arrives', () => seen.includes(3));
    expect([client.recovered, ...seen]).toEqual([true, 1, 2, 3]);
  });

  it('a client that moves to another server gets what it was not sent', async () => {
    const { relay, near, publish, connect } = await nearAndFar();
    const [{ client, socket, seen }, other] = [await connect(), await connect()];
    await Promise.all([socket.join('known'), other.socket.join('known')]);
    const offsets: string[] = [];
    client.onAny((...args) => offsets.push(args.at(-1)));
    relay.hold();
    Promise.resolve(socket.join('room')).catch(() => {}); // the session moves
    await publish(['known'], 1);
    await until('it has arrived there', () => other.seen.includes(1));
    socket.emit('direct');
    await next(client, 'direct');
    sendTo(client, near.address);
    client.io.engine.close();
    await next(client, 'connect');
    await publish(['known'], 2);
    await until('the last one arrives', () => seen.includes(2));
    expect([client.recovered, ...seen]).toEqual([true, 1, 2]);
    expect(offsets).toEqual(offsets.toSorted());
  });

  it('and Redis is lost, the socket gets everything in order when it is back', async () => {
    const { relay, publish, connect, cutOff, mend } = await nearAndFar();
    const { socket, seen } = await connect();
    await socket.join('known');
    relay.hold();
    const joined = socket.join('room');
    await publish(['room'], 1);
    await publish(['known'], 2);
    await cutOff();
    await expect(joined).rejects.toThrow();
    await publish(['known'], 3);
    await publish(['room'], 4);
    await mend();
    await publish(['room', 'known'], 5);
    await until('the last one arrives', () => seen.includes(5));
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('who leaves the room again gets nothing of it', async () => {
    const { relay, publish, connect } = await nearAndFar();
    const { socket, seen } = await connect();
    relay.hold();
    const changes = [socket.join('room')];
    await publish(['room'], 1);
    changes.push(Promise.resolve(socket.leave('room')));
    await publish(['room'], 2);
    relay.pass();
    await Promise.all(changes);
    await publish([], 'last');
    await until('the last one arrives', () => seen.includes('last'));
    expect(seen).toEqual(['last']);
  });
});
