// Every public method of the adapter, in three plain Socket.IO servers.
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { sendTo } from '../../../test/harness/moving.ts';
import { threeServers } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';

/** Emits an end marker to all clients, and returns those that received the event before it. */
async function receivers(clients: Socket[], emit: () => void, end: () => void): Promise<number[]> {
  const got = new Set<number>();
  const ends = clients.map((client, i) => {
    client.once('event', () => got.add(i));
    return next(client, 'end');
  });
  emit();
  end();
  await Promise.all(ends);
  for (const client of clients) client.off('event');
  return [...got].sort();
}

describe('emit', () => {
  it('reaches all, rooms once each, and no excluded one', async () => {
    const { first, sockets, clients } = await threeServers();
    await sockets[0].join('a');
    await sockets[1].join(['a', 'b']);
    await sockets[2].join('b');
    const end = () => void first.emit('end');
    expect(await receivers(clients, () => first.emit('event', 1), end)).toEqual([0, 1, 2]);
    expect(await receivers(clients, () => first.to('a').emit('event', 1), end)).toEqual([0, 1]);
    const both = () => first.to(['a', 'b']).emit('event', 1);
    expect(await receivers(clients, both, end)).toEqual([0, 1, 2]);
    const except = () => first.to('a').except('b').emit('event', 1);
    expect(await receivers(clients, except, end)).toEqual([0]);
    const others = () => sockets[1].to('b').emit('event', 1);
    expect(await receivers(clients, others, end)).toEqual([2]);
    const one = () => first.to(sockets[2].id).emit('event', 1);
    expect(await receivers(clients, one, end)).toEqual([2]);
    const local = () => first.local.emit('event', 1);
    expect(await receivers(clients, local, end)).toEqual([0]);
    const quick = () => first.volatile.emit('event', 1);
    expect(await receivers(clients, quick, end)).toEqual([0, 1, 2]);
  });

  it('carries arguments of every kind, and binary data', async () => {
    const { first, clients } = await threeServers();
    const got = next(clients[2], 'event');
    first.emit('event', 1, 'two', { three: [4] }, Buffer.from([5, 6]), null);
    const args = (await got).slice(0, 5);
    expect(args).toEqual([1, 'two', { three: [4] }, Buffer.from([5, 6]), null]);
  });

  it('keeps the order of one turn and of many', async () => {
    const { servers, clients } = await threeServers();
    const seen: number[] = [];
    clients[1].on('n', (n: number) => seen.push(n));
    const end = next(clients[1], 'end');
    for (let n = 0; n < 500; n += 1) {
      servers[0]?.emit('n', n);
      if (n % 50 === 0) await new Promise(setImmediate);
    }
    servers[0]?.emit('end');
    await end;
    expect(seen).toEqual(Array.from({ length: 500 }, (_, n) => n));
  });

  it('shows outgoing packets to listeners', async () => {
    const { first, sockets, clients } = await threeServers();
    const out: unknown[] = [];
    sockets[1].onAnyOutgoing((...args) => out.push(args));
    const got = next(clients[1], 'event');
    first.emit('event', { n: 1 });
    await got;
    expect(out).toEqual([['event', { n: 1 }]]);
  });
});

describe('acknowledgements', () => {
  it('are gathered from the clients of all servers', async () => {
    const { first, clients } = await threeServers();
    clients.forEach((client, i) => {
      client.on('ask', (reply: (n: number) => void) => reply(i));
    });
    expect((await first.timeout(2000).emitWithAck('ask')).sort()).toEqual([0, 1, 2]);
  });

  it('time out with the answers received so far', async () => {
    const { first, clients } = await threeServers();
    clients[0].on('ask', (reply: (n: number) => void) => reply(0));
    const failed = first.timeout(300).emitWithAck('ask');
    await expect(failed).rejects.toThrow('timed out');
  });

  it('are requested once, even by a server that sees its own request late', async () => {
    const { first, clients } = await threeServers();
    const timeoutMs = 20;
    let asked = 0;
    clients[0].on('ask', () => {
      asked += 1;
    });
    for (let round = 1; round <= 10; round += 1) {
      const failed = first.timeout(timeoutMs).emitWithAck('ask');
      failed.catch(() => {});
      await Promise.resolve().then(() => new Promise(setImmediate)); // it is on its way to Redis
      const end = performance.now() + 2 * timeoutMs;
      while (performance.now() < end); // simulates a frozen process
      await expect(failed).rejects.toThrow('timed out');
      const shown = next(clients[0], 'end');
      first.emit('end');
      await shown;
      expect(asked).toBe(round);
    }
  });

  it('of one socket need no other server', async () => {
    const { sockets, clients } = await threeServers();
    clients[1].on('ask', (n: number, reply: (n: number) => void) => reply(n + 1));
    expect(await sockets[1].timeout(1000).emitWithAck('ask', 1)).toBe(2);
  });
});

describe('requests between servers', () => {
  it('join, leave, fetch and disconnect sockets anywhere', async () => {
    const { first, sockets, clients } = await threeServers();
    first.socketsJoin('x');
    await until('all are in', () => sockets.every(({ rooms }) => rooms.has('x')));
    first.in(sockets[1].id).socketsLeave('x');
    await until('one has left', () => !sockets[1].rooms.has('x'));
    sockets[2].data = { name: 'third' };
    const fetched = await first.in('x').fetchSockets();
    expect(fetched.map(({ id }) => id).sort()).toEqual([sockets[0].id, sockets[2].id].sort());
    expect(fetched.find(({ id }) => id === sockets[2].id)?.data).toEqual({ name: 'third' });
    const gone = next(clients[2], 'disconnect');
    first.in(sockets[2].id).disconnectSockets();
    expect((await gone)[0]).toBe('io server disconnect');
    expect(clients[0].connected).toBe(true);
  });

  it('pass events to the other servers, with answers if asked for', async () => {
    const { servers, first } = await threeServers();
    const heard: unknown[] = [];
    servers.forEach((server, i) => {
      server.on('hello', (word: string) => heard.push([i, word]));
      server.on('count', (reply: (n: number) => void) => reply(i));
    });
    first.serverSideEmit('hello', 'there');
    await until('both others heard it', () => heard.length === 2);
    expect(heard.sort()).toEqual([
      [1, 'there'],
      [2, 'there'],
    ]);
    expect((await first.serverSideEmitWithAck('count')).sort()).toEqual([1, 2]);
  });
});

describe('recovery', () => {
  it('works in dynamic namespaces, on another server', async () => {
    const { servers, clients, sockets, nodes } = await threeServers({}, '/dynamic-1');
    await sockets[0].join('room');
    sendTo(clients[0], nodes[1]?.address as string);
    clients[0].io.engine.close();
    servers[2]?.to('room').emit('event', 'missed');
    const missed = next(clients[0], 'event');
    await next(clients[0], 'connect');
    expect(clients[0].recovered).toBe(true);
    expect((await missed)[0]).toBe('missed');
  });

  it.each([
    ['replayMessagesMax', { replayMessagesMax: 10 }, 20],
    ['replayBytesMax', { replayBytesMax: 1_000 }, 20],
    ['logEntriesMax', { logEntriesMax: 10 }, 1_000],
  ])('is refused past %s, and the client learns it', async (_, options, missed) => {
    const results: string[] = [];
    const observer = { restoreEnded: (result: string) => results.push(result) };
    const { first, clients, sockets } = await threeServers({ ...options, observer });
    await sockets[1].join('room');
    const start = next(clients[1], 'event');
    first.to('room').emit('event', 'x');
    await start;
    const { id } = clients[1];
    clients[1].io.engine.close();
    for (let n = 0; n < missed; n += 1) first.to('room').emit('event', 'x'.repeat(100));
    await next(clients[1], 'connect');
    expect(clients[1].recovered).toBe(false);
    expect(clients[1].id).not.toBe(id);
    expect(['too_much', 'trimmed']).toContain(results.at(-1));
  });
});
