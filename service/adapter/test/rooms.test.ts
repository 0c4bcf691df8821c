// Joins, leaves and deliveries at the worst moment. Found by `make chaos`.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Socket } from 'socket.io';
import { connect } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { sendTo } from '../../../test/harness/moving.ts';
import { threeServers } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';

describe('rooms', () => {
  it('are not replayed twice to a client that got a direct message on a new server', async () => {
    const { clients, sockets, nodes } = await threeServers();
    const [client] = clients;
    await sockets[0].join('room');
    const seen: unknown[] = [];
    client.on('event', (n: number) => seen.push(n));
    nodes[1]?.io.on('connection', (socket) => socket.emit('welcome', {}));
    sendTo(client, nodes[1]?.address as string);
    const publish = nodes[2]?.adapter.publish;
    const there = next(client, 'connect');
    client.io.engine.close();
    for (const n of [1, 2, 3]) await publish?.(nodes[2]?.io.to('room') as object, 'event', [n]);
    await there;
    await until('they are replayed', () => seen.length === 3);
    const back = next(client, 'welcome');
    client.io.engine.close();
    await back;
    await publish?.(nodes[2]?.io.to('room') as object, 'event', [4]);
    await until('the next one arrives', () => seen.includes(4));
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('deliver to a socket that joins when the last member has just been forgotten', async () => {
    const unsubscribeMs = 50;
    const { sockets, nodes } = await threeServers({ unsubscribeMs });
    const [home] = nodes;
    const arrived = new Promise<Socket>((resolve) => home?.io.once('connection', resolve));
    const client = connect(home?.address as string, { forceNew: true, transports: ['websocket'] });
    onTestFinished(() => void client.disconnect());
    const other = await arrived;
    const publish = nodes[2]?.adapter.publish;
    for (let round = 0; round < 16; round += 1) {
      const room = `room-${round}`;
      await sockets[0].join(room);
      await sockets[0].leave(room);
      await sleep(unsubscribeMs - 2 + (round % 8) / 2); // around the unsubscribe
      await other.join(room);
      const heard = next(client, 'event');
      await publish?.(nodes[2]?.io.to(room) as object, 'event', [round]);
      expect((await heard)[0], room).toBe(round);
    }
  });

  it('that were left stay left, even by a process that dies right after', async () => {
    const { sockets, clients, redis } = await threeServers();
    const fields = () => redis.hKeys(`socket.io:/:session:${Reflect.get(clients[0], '_pid')}`);
    for (let round = 0; round < 20; round += 1) {
      await sockets[0].join('room');
      expect(await fields()).toContain('room:room');
      await sockets[0].leave('room');
      expect(await fields()).not.toContain('room:room');
    }
  });

  it('cannot be joined or left while Redis is unavailable, even on a retry', async () => {
    const { sockets, killRedis } = await threeServers();
    const [socket] = sockets;
    await socket.join('before');
    await killRedis();
    for (const change of [
      () => socket.join('after'),
      () => socket.join('after'),
      () => socket.leave('before'),
    ]) {
      await expect(Promise.resolve(change())).rejects.toThrow();
    }
  });
});

describe('a message', () => {
  it('reaches its room before a request that was made after it', async () => {
    const { first, redis, sockets, clients } = await threeServers();
    const seen = clients.map(() => [] as unknown[]);
    clients.forEach((client, i) => {
      client.on('event', (n: unknown) => seen[i]?.push(n));
    });
    const channel = 'socket.io:/:room:room';
    const listeners = async () => (await redis.pubSubNumSub([channel]))[channel];
    await Promise.all(sockets.map((socket) => socket.join('room'))); // they listen for a while
    await until('all listen', async () => (await listeners()) === 3);
    first.in('room').socketsLeave('room');
    await until('all have left', () => sockets.every(({ rooms }) => !rooms.has('room')));
    const all = Array.from({ length: 10 }, (_, n) => n);
    for (const n of all) {
      first.socketsJoin('room');
      await until('all are in', () => sockets.every(({ rooms }) => rooms.has('room')));
      first.to('room').emit('event', n);
      first.in('room').socketsLeave('room');
      first.to('room').emit('event', 'no member is left');
      await until('all have left', () => sockets.every(({ rooms }) => !rooms.has('room')));
    }
    const gone = clients.map((client) => next(client, 'disconnect'));
    first.emit('event', 'good-bye');
    first.disconnectSockets();
    await Promise.all(gone);
    for (const events of seen) expect(events).toEqual([...all, 'good-bye']);
  });
});
