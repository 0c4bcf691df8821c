// Many messages in one event-loop turn are written together, in order, and once each.
import { describe, expect, it } from 'vitest';
import { threeServers } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';
import { createLimiter } from '../session/limiter.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('a burst', () => {
  it.each([
    ['websocket', ['websocket']],
    ['polling', ['polling']],
    ['both', ['polling', 'websocket']],
  ])('reaches a socket of several rooms in order over %s', async (_, transports) => {
    const { servers, sockets, clients } = await threeServers();
    const [, client] = clients;
    client.io.opts.transports = transports as never;
    client.disconnect().connect();
    await next(client, 'connect');
    const id = client.id as string;
    await servers[1]?.sockets.get(id)?.join(['a', 'b', 'c']);
    await sockets[2].join('b');
    const seen: number[] = [];
    client.on('n', (n: number) => seen.push(n));
    const rooms = [['a'], ['a'], ['b'], ['a', 'b'], ['c'], ['b', 'c'], [id], []];
    for (const n of numbers(800)) {
      if (n % 100 === 0) await new Promise(setImmediate);
      servers[n % 100 < 50 ? 0 : 2]?.to(rooms[n % rooms.length] ?? []).emit('n', n);
    }
    await until('all have arrived', () => seen.length >= 800);
    const ofOne = (from: number) => seen.filter((n) => n % 100 < 50 === (from === 0));
    for (const from of [0, 2]) expect(ofOne(from)).toEqual(ofOne(from).toSorted((a, b) => a - b));
    expect(new Set(seen).size).toBe(800);
  });

  it('waits for a client that does not read, in order, and is whole', async () => {
    const { first, clients } = await threeServers();
    const [, client] = clients;
    const seen: number[] = [];
    client.on('n', (n: number) => seen.push(n));
    const tcp = Reflect.get(client.io.engine.transport, 'ws')._socket;
    tcp.pause();
    for (const n of numbers(2_000)) {
      first.emit('n', n, 'x'.repeat(5_000));
      if (n % 20 === 0) await new Promise(setImmediate);
    }
    first.emit('end');
    await next(clients[0], 'end'); // the other clients have received everything
    expect(seen.length).toBeLessThan(2_000);
    tcp.resume();
    await until('all have arrived', () => seen.length >= 2_000);
    expect(seen).toEqual(numbers(2_000));
  });
});

describe('a bundle', () => {
  const idsOf = async (parts: Awaited<ReturnType<typeof threeServers>>, count: number) => {
    const { nodes, servers } = parts;
    const target = servers[2]?.to('room') as object;
    const published = await Promise.all(
      numbers(count).map((n) => nodes[2]?.adapter.publish(target, 'n', [n])),
    );
    return published.map((outcome) => outcome?.id ?? '');
  };

  it('is one entry of the log and one message, with an id for each that it holds', async () => {
    const parts = await threeServers();
    const { redis, sockets, clients } = parts;
    await sockets[1].join('room');
    const seen: [number, string][] = [];
    clients[1].on('n', (n: number, offset: string) => seen.push([n, offset]));
    const ids = await idsOf(parts, 10);
    await until('all have arrived', () => seen.length === 10);
    expect(seen).toEqual(ids.map((id, n) => [n, id]));
    expect(ids.map((id) => +id - +(ids[0] as string))).toEqual(numbers(10));
    expect(await redis.xLen('socket.io:/:log:room')).toBe(2); // with its start
  });

  it('holds what is small, to one target, and as much as fits into 64 KiB', async () => {
    const { redis, first, sockets, clients } = await threeServers();
    await sockets[1].join(['a', 'b']);
    const seen: number[] = [];
    clients[1].on('n', (n: number) => seen.push(n));
    const rooms = ['a', 'a', 'b', 'a', 'a'];
    for (const [n, room] of rooms.entries()) first.to(room).emit('n', n);
    for (const n of [5, 6, 7]) first.to('b').emit('n', n, 'x'.repeat(30_000));
    await until('all have arrived', () => seen.length === 8);
    expect(seen).toEqual(numbers(8));
    const lengths = ['a', 'b'].map((room) => redis.xLen(`socket.io:/:log:${room}`));
    expect(await Promise.all(lengths)).toEqual([3, 4]); // with their starts
  });

  it('is replayed from the message on that a client has seen last', async () => {
    const parts = await threeServers();
    const [, client] = parts.clients;
    await parts.sockets[1].join('room');
    const last = next(client, 'last');
    const ids = await idsOf(parts, 10);
    parts.first.to('room').emit('last');
    await last;
    const seen: number[] = [];
    client.on('n', (n: number) => seen.push(n));
    const back = next(client, 'connect');
    client.io.engine.close();
    Reflect.set(client, '_lastOffset', ids[3]); // the connection broke in the middle of the bundle
    await back;
    await until('the rest has arrived', () => seen.length >= 6);
    expect([client.recovered, seen]).toEqual([true, [4, 5, 6, 7, 8, 9]]);
  });
});

describe('a message', () => {
  it('comes before what another process does to the sockets afterwards', async () => {
    const { first, sockets, clients } = await threeServers();
    const seen: string[] = [];
    for (const n of numbers(20)) {
      await sockets[1].join('room');
      clients[1].once('leaving', () => seen.push('leaving'));
      const end = next(clients[1], 'end');
      first.to('room').emit('leaving', n);
      await new Promise(setImmediate); // published by the end of the next turn
      await new Promise(setImmediate); // requests do not wait for it
      first.in('room').socketsLeave('room');
      first.to(sockets[1].id).emit('end');
      await end;
    }
    expect(seen).toHaveLength(20);
  });

  it('to all comes before a direct one that follows', async () => {
    const { first, sockets, clients } = await threeServers();
    const seen: string[] = [];
    clients[0].onAny((event: string) => seen.push(event));
    sockets[0].on('ask', () => sockets[0].emit('answer'));
    const answered = next(clients[0], 'answer');
    for (const _ of numbers(10)) first.emit('event');
    await next(clients[0], 'event');
    clients[0].emit('ask');
    await answered;
    expect(seen.filter((event) => event === 'event')).toHaveLength(10);
    expect(seen.at(-1)).toBe('answer');
  });
});

describe('a limiter', () => {
  it('runs a bounded number at once, in order, even after a failure', async () => {
    const run = createLimiter(2);
    const started: number[] = [];
    const places = numbers(5).map(() => Promise.withResolvers<number>());
    const done = places.map(({ promise }, n) =>
      run(() => {
        started.push(n);
        return promise;
      }),
    );
    expect(started).toEqual([0, 1]);
    places[1]?.reject(new Error('failed'));
    await expect(done[1]).rejects.toThrow('failed');
    expect(started).toEqual([0, 1, 2]);
    for (const n of [0, 2, 3, 4]) places[n]?.resolve(n);
    expect(await Promise.all([0, 2, 3, 4].map((n) => done[n]))).toEqual([0, 2, 3, 4]);
    expect(started).toEqual([0, 1, 2, 3, 4]);
    expect(await run(async () => 'free again')).toBe('free again');
  });
});
