// `socket.data`, as another server finds it that takes the session over from a living owner.
import { EventEmitter } from 'node:events';
import type { Socket as ServerSocket } from 'socket.io';
import { connect, type Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { threeServers } from '../../../test/harness/servers.ts';
import { connected, until } from '../../../test/harness/service.ts';

type Parts = Awaited<ReturnType<typeof threeServers>>;

/** The data that a server finds which takes the session over from its living owner. */
async function dataElsewhere({ nodes }: Parts, client: Socket): Promise<unknown> {
  const auth = { pid: Reflect.get(client, '_pid'), offset: '' };
  const { address, io } = nodes[1] as (typeof nodes)[0];
  const arrived = new Promise<ServerSocket>((resolve) => io.once('connection', resolve));
  client.io.reconnection(false);
  const back = connect(address, { auth, forceNew: true, transports: ['websocket'] });
  onTestFinished(() => void back.disconnect());
  const [socket] = await Promise.all([arrived, connected(back)]);
  expect(socket.recovered).toBe(true);
  return socket.data;
}

/** Counts how often the sessions were written since its last call. */
function countWrites({ redis }: Parts): () => Promise<number> {
  let before = 0;
  return async () => {
    const info = await redis.info('commandstats');
    const total = Number(/cmdstat_hset:calls=(\d+)/.exec(info)?.[1] ?? 0);
    const writes = total - before;
    before = total;
    return writes;
  };
}

/** A client whose handlers ran, as far as everything that they awaited, before `settled`. */
async function handling(handler: (socket: ServerSocket, ack: () => void) => unknown) {
  const parts = await threeServers();
  const [client] = parts.clients;
  const [socket] = parts.sockets;
  socket.on('event', (ack) => handler(socket, ack));
  socket.on('plain', (ack) => ack());
  await client.emitWithAck('plain');
  await socket.join('saved'); // resolves once the session is
  const writes = countWrites(parts);
  await writes();
  return { ...parts, client, socket, writes };
}

const later = () => new Promise(setImmediate);

describe('socket.data', () => {
  it.each<[string, (socket: ServerSocket, ack: () => void) => unknown]>([
    [
      'a handler',
      ({ data }, ack) => {
        data.name = 'new';
        ack();
      },
    ],
    [
      'a handler that awaits something',
      async ({ data }, ack) => {
        await later();
        data.name = 'new';
        ack();
      },
    ],
    [
      'a callback of a handler',
      ({ data }, ack) => {
        setImmediate(() => {
          data.name = 'new';
          ack();
        });
      },
    ],
    [
      'a handler that replaces it',
      (socket, ack) => {
        socket.data = { name: 'new' };
        ack();
      },
    ],
    [
      'a handler in something nested',
      (socket, ack) => {
        socket.data = { name: 'old' };
        socket.data.name = 'new';
        ack();
      },
    ],
  ])('that %s has changed survives once the event is acknowledged', async (_, handler) => {
    const parts = await handling(handler);
    await parts.client.emitWithAck('event');
    expect(await dataElsewhere(parts, parts.client)).toEqual({ name: 'new' });
  });

  it.each<[string, (socket: ServerSocket) => unknown]>([
    ['at once', ({ data }) => Object.assign(data, { name: 'new' })],
    ['later', async ({ data }) => Object.assign(await Promise.resolve(data), { name: 'new' })],
  ])('is saved when a handler ends that has changed it %s', async (_, handler) => {
    const parts = await handling(handler);
    const { client, writes } = parts;
    client.emit('event');
    await until('it is written', async () => (await writes()) > 0);
    expect(await dataElsewhere(parts, client)).toEqual({ name: 'new' });
  });

  it('is saved when a middleware of the socket has changed it', async () => {
    const parts = await handling((_, ack) => ack());
    const { client, socket } = parts;
    socket.use((_, next) => {
      socket.data.name = 'new';
      next();
    });
    await client.emitWithAck('event');
    expect(await dataElsewhere(parts, client)).toEqual({ name: 'new' });
  });

  it('is saved when a connection handler has changed it after waiting', async () => {
    const parts = await threeServers();
    const [{ address, io }] = parts.nodes as [(typeof parts.nodes)[0]];
    const begun = Promise.withResolvers<void>();
    const proceed = Promise.withResolvers<void>();
    io.on('connection', async (socket) => {
      begun.resolve();
      await proceed.promise;
      socket.data.name = 'new';
    });
    const client = connect(address, { forceNew: true, transports: ['websocket'] });
    onTestFinished(() => void client.disconnect());
    await Promise.all([begun.promise, connected(client)]);
    const [socket] = [...io.sockets.sockets.values()].slice(-1) as [ServerSocket];
    await socket.join('saved');
    const writes = countWrites(parts);
    await writes();
    proceed.resolve();
    await until('it is written', async () => (await writes()) > 0);
    expect(await dataElsewhere(parts, client)).toEqual({ name: 'new' });
  });

  it('costs no write if no handler changes it, and one for many changes in a turn', async () => {
    const { client, writes, socket } = await handling(({ data }, ack) => {
      data.count = (data.count ?? 0) + 1;
      ack();
    });
    await Promise.all(Array.from({ length: 50 }, () => client.emitWithAck('plain')));
    expect(await writes()).toBe(0);
    await Promise.all(Array.from({ length: 50 }, () => client.emitWithAck('event')));
    expect(socket.data.count).toBe(50);
    expect(await writes()).toBeLessThan(50);
  });

  it('holds back no acknowledgement while Redis is unavailable', async () => {
    const parts = await handling(({ data }, ack) => {
      data.name = 'new';
      ack();
    });
    const { client, killRedis, restartRedis, nodes } = parts;
    await killRedis();
    await until('it is noticed', () => nodes.every(({ adapter }) => !adapter.isUp()));
    await client.emitWithAck('event');
    await restartRedis();
    await Promise.all(nodes.map(({ adapter }) => adapter.ready()));
    await parts.socket.join('later'); // saved after the sessions that the outage left
    expect(await dataElsewhere(parts, client)).toEqual({ name: 'new' });
  });
});

describe('a handler that rejects', () => {
  it('is caught by captureRejections of Node.js, as without the adapter', async () => {
    EventEmitter.captureRejections = true;
    onTestFinished(() => {
      EventEmitter.captureRejections = false;
    });
    const { sockets, clients } = await threeServers();
    const caught = new Promise((resolve) => {
      Reflect.set(sockets[0], Symbol.for('nodejs.rejection'), resolve);
    });
    sockets[0].on('event', async () => {
      throw new Error('on purpose');
    });
    clients[0].emit('event');
    expect(await caught).toEqual(new Error('on purpose'));
  });
});
