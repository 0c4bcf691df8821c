// Unusual messages, targets and input.
import { describe, expect, it } from 'vitest';
import { threeServers } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';

/** Three servers with one client each in a room, and the events of the first client. */
async function heard(options: Parameters<typeof threeServers>[0] = {}) {
  const parts = await threeServers(options);
  for (const socket of parts.sockets) await socket.join('room');
  const events: unknown[] = [];
  parts.clients[0].onAny((event, argument) => event !== 'end' && events.push(argument ?? event));
  const [, publisher] = parts.servers as [typeof parts.first, typeof parts.first];
  /** The received events, once everything sent so far must have arrived. */
  const all = async () => {
    const end = next(parts.clients[0], 'end');
    publisher.to('room').emit('end');
    await end;
    return events;
  };
  return { ...parts, publisher, all };
}

describe('messages', () => {
  it('that are volatile arrive once for a client in several of their rooms', async () => {
    const { sockets, publisher, all } = await heard();
    await sockets[0].join('second');
    publisher.volatile.to(['room', 'second', sockets[0].id]).emit('event', 1);
    expect(await all()).toEqual([1]);
  });

  it('carry binary data of every kind', async () => {
    const { publisher, all } = await heard();
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const kinds = [bytes.buffer, new Uint16Array(bytes.buffer), new DataView(bytes.buffer, 1, 3)];
    for (const kind of kinds) publisher.to('room').emit('event', kind);
    const expected = [bytes, bytes, bytes.subarray(1)].map((part) => Buffer.from(part));
    expect(await all()).toEqual(expected);
  });

  it('leave out thousands of rooms by name', async () => {
    const { publisher, all } = await heard();
    const rooms = Array.from({ length: 9_000 }, (_, n) => `a room of many ${n}`);
    publisher.except(rooms).emit('event', 1);
    publisher.except([...rooms, 'room']).emit('event', 2);
    publisher.except(rooms).emit('event', Buffer.from('3'));
    expect(await all()).toEqual([1, Buffer.from('3')]);
  });

  it('leave out rooms whose names are numbers', async () => {
    const { publisher, sockets, all } = await heard();
    await sockets[0].join(42 as never);
    publisher.except(42 as never).emit('event', 1);
    publisher.to(42 as never).emit('event', 2);
    expect(await all()).toEqual([2]);
  });

  it('to all arrive although a socket has left a room of the same name', async () => {
    const { first, sockets, clients, redis } = await heard({ unsubscribeMs: 1 });
    await sockets[0].join('other');
    await sockets[0].join('*');
    await sockets[0].leave('*');
    await sockets[0].leave('other');
    await until('rooms that were left are unsubscribed', async () => {
      return !(await redis.pubSubChannels()).includes('socket.io:/:room:other');
    });
    const events = clients.map((client) => next(client, 'event'));
    first.emit('event');
    await Promise.all(events);
  });

  it('reach a socket that has just joined, even before a request in the same tick', async () => {
    const { first, sockets, clients } = await heard();
    const event = next(clients[0], 'event');
    void sockets[0].join('new');
    first.to('new').emit('event');
    first.serverSideEmit('request');
    await event;
  });

  it('that are too large for the log leave no hole in it unnoticed', async () => {
    const { publisher, clients, nodes, redis, all } = await heard({ logBytesMax: 100_000 });
    await all();
    const back = next(clients[0], 'connect');
    clients[0].io.engine.close();
    await nodes[1]?.adapter.publish(publisher.to('room'), 'big', ['x'.repeat(200_000)]);
    await back;
    expect(await redis.xLen('socket.io:/:log:room')).toBe(1); // the newest message stays
    expect(clients[0].recovered).toBe(false);
  });

  it('that are malformed are reported, and do no harm', async () => {
    const failures: string[] = [];
    const failed = (stage: string) => failures.push(stage);
    const { redis, publisher, all } = await heard({ observer: { failed } });
    await all();
    const id = '1'.padEnd(16, '0');
    const broken = [`${id}\x05\0{bad}`, `${id}\0\0\xff\xff`, `${id}\x02\0{}`];
    const texts = ['garbage', '', ...broken.map((text) => `\x01${text}`)];
    const [listener] = await redis.pubSubChannels('socket.io:process:*');
    for (const text of texts) {
      for (const channel of ['socket.io:/:room:room', 'socket.io:/:direct', `${listener}`]) {
        await redis.publish(channel, text);
      }
    }
    for (const text of ['{"type":5}', '{"type":6}', 'null']) {
      await redis.publish('socket.io-request#/#', text);
      await redis.publish('socket.io#/#', text);
    }
    publisher.to('room').emit('event', 1);
    expect(await all()).toEqual([1]);
    await until('all are reported', () => new Set(failures).size > 2);
    expect(new Set(failures)).toEqual(new Set(['message', 'request', 'unreadable']));
  });
});
