// Reaches every limit of the adapter: what the client sees, and that the observer is called.
import { connect, type Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { threeServers } from '../../../test/harness/servers.ts';
import { connected, next, until } from '../../../test/harness/service.ts';

type Options = NonNullable<Parameters<typeof threeServers>[0]>;

/**
 * Three servers with one client each in a room, the events of the second, and the reached limits.
 */
async function bounded(options: Options) {
  const limits = new Set<string>();
  const results: string[] = [];
  const observer = {
    limitReached: (limit: string) => limits.add(limit),
    restoreEnded: (result: string) => results.push(result),
  };
  const parts = await threeServers({ ...options, observer });
  const { servers, sockets, clients, nodes } = parts;
  for (const socket of sockets) await socket.join('room');
  const [publisher, receiver] = [servers[2], clients[1]] as [(typeof servers)[0], Socket];
  const seen: number[] = [];
  receiver.on('event', (n: number) => seen.push(n));
  const adapter = nodes[2]?.adapter as NonNullable<(typeof nodes)[0]>['adapter'];
  const publish = (n: number, ...more: unknown[]) =>
    adapter.publish(publisher.to('room'), 'event', [n, ...more]);
  await publish(0);
  await until('the first one arrives', () => seen.includes(0));
  return { ...parts, limits, results, seen, receiver, publish };
}

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);

describe('limits', () => {
  it('on logBytesMax trim the log, and a client that missed a part is not recovered', async () => {
    const logBytesMax = 500_000;
    const { receiver, publish, limits, redis, results } = await bounded({ logBytesMax });
    receiver.io.reconnection(false);
    receiver.io.engine.close();
    for (let n = 1; n <= 30; n += 1) {
      await publish(n, 'x'.repeat(50_000));
      expect(await redis.memoryUsage('socket.io:/:log:room')).toBeLessThan(logBytesMax * 1.2);
    }
    receiver.connect();
    await next(receiver, 'connect');
    expect(receiver.recovered).toBe(false);
    expect(results.at(-1)).toBe('trimmed');
    expect(limits).toContain('log_bytes');
  });

  it.each([
    { options: { sharedBytesMax: 500_000 }, reached: ['log_bytes'] },
    { options: { sharedEntriesMax: 5 }, reached: [] },
  ])(
    'of %o trim the log of messages to several rooms, and who missed a part is not recovered',
    async ({ options, reached }) => {
      const { receiver, servers, nodes, limits, redis, results } = await bounded(options);
      receiver.io.reconnection(false);
      receiver.io.engine.close();
      const rooms = servers[2]?.to(['room', 'other']) as object;
      for (let n = 1; n <= 30; n += 1) {
        await nodes[2]?.adapter.publish(rooms, 'event', [n, 'x'.repeat(50_000)]);
        expect(await redis.memoryUsage('socket.io:shared')).toBeLessThan(600_000);
      }
      receiver.connect();
      await next(receiver, 'connect');
      expect(receiver.recovered).toBe(false);
      expect(results.at(-1)).toBe('trimmed');
      expect([...limits]).toEqual(reached);
    },
  );

  it.each([{ queuedMessagesMax: 10 }, { queuedBytesMax: 10_000 }])(
    'of %o refuse to publish, and what was accepted arrives',
    async (options) => {
      const { publish, limits, seen } = await bounded(options);
      const sent = numbers(50).map((n) => publish(n + 1, 'x'.repeat(1_000)));
      const outcomes = await Promise.allSettled(sent);
      const taken = numbers(50).filter((n) => outcomes[n]?.status === 'fulfilled');
      expect(taken.length).toBeGreaterThanOrEqual(9);
      expect(taken.length).toBeLessThan(50);
      await until('they arrive', () => seen.length > taken.length);
      expect(seen).toEqual([0, ...taken.map((n) => n + 1)]);
      expect(limits).toContain('queued');
      await publish(99);
    },
  );

  it.each([{ gatedMessagesMax: 1 }, { gatedBytesMax: 5_000 }])(
    'of %o have messages that arrive during catch-up read again, and none is lost',
    async (options) => {
      const { publish, limits, seen, redis } = await bounded(options);
      const acknowledged = [0];
      let streaming = true;
      const stream = (async () => {
        for (let n = 1; streaming || acknowledged.at(-1) !== n - 1; n += 20) {
          const burst = numbers(20).map((i) => publish(n + i, 'x'.repeat(1_000)));
          const outcomes = await Promise.allSettled(burst); // a failed one may have been stored
          const taken = numbers(20).filter((i) => outcomes[i]?.status === 'fulfilled');
          acknowledged.push(...taken.map((i) => n + i));
        }
      })();
      const listeners = async () => {
        const listed = await redis.sendCommand(['CLIENT', 'LIST', 'TYPE', 'pubsub']);
        return [...String(listed).matchAll(/^id=(\d+)/gm)].map(([, id]) => id as string);
      };
      const { length: count } = await listeners();
      for (let i = 0; limits.size === 0; i += 1) {
        const ids = await listeners();
        await redis.sendCommand(['CLIENT', 'KILL', 'ID', ids[i % count] as string]);
        await until('it listens again', async () => (await listeners()).length === count);
      }
      streaming = false;
      await stream;
      await until('all arrive', () => seen.at(-1) === acknowledged.at(-1));
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
      expect(acknowledged.filter((n) => !seen.includes(n))).toEqual([]);
      expect(limits).toContain('gated');
    },
  );

  it.each([{ heldMessagesMax: 5 }, { heldBytesMax: 5_000 }])(
    'of %o restart a restore that cannot keep up, and nothing is lost',
    async (options) => {
      const { publish, limits, seen, receiver, nodes } = await bounded(options);
      const caughtUp = Promise.withResolvers<void>();
      let restores = 0;
      nodes[1]?.io.use((_, proceed) => {
        restores += 1;
        void caughtUp.promise.then(() => proceed());
      });
      receiver.io.engine.close();
      await until('it is being restored', () => restores === 1);
      for (let n = 1; n <= 60; n += 1) await publish(n, 'x'.repeat(1_000));
      caughtUp.resolve();
      await until('all arrive', () => seen.at(-1) === 60);
      expect(seen).toEqual(numbers(61));
      expect(receiver.recovered).toBe(true);
      expect(limits).toContain('held');
    },
  );

  it('on restoreMsMax have a restore that takes longer tried again', async () => {
    const { limits, receiver, redis, results } = await bounded({ restoreMsMax: 200 });
    await redis.sendCommand(['CLIENT', 'PAUSE', '700', 'ALL']);
    receiver.io.engine.close();
    await next(receiver, 'connect');
    expect(receiver.recovered).toBe(true);
    expect(limits).toContain('restore_ms');
    expect(results).toContain('postponed');
  });

  it('on replayMessagesMax keep a client that missed more from being recovered', async () => {
    const { publish, limits, receiver } = await bounded({ replayMessagesMax: 5 });
    receiver.io.reconnection(false);
    receiver.io.engine.close();
    for (let n = 1; n <= 10; n += 1) await publish(n);
    await next(receiver.connect(), 'connect');
    expect(receiver.recovered).toBe(false);
    expect(limits).toContain('replay');
  });

  it('on sessionsPerUserMax remove the session that would expire first', async () => {
    const one = { sessionsPerUserMax: 2, identify: async () => 'alice' };
    const { limits, clients, redis } = await bounded(one);
    await until('the third one is saved', () => limits.has('sessions_per_user'));
    const keyOf = (client: Socket) => `socket.io:/:session:${Reflect.get(client, '_pid')}`;
    const kept = await Promise.all(clients.map((client) => redis.exists(keyOf(client))));
    expect(kept.toSorted()).toEqual([0, 1, 1]);
    const [gone, stays] = [clients[kept.indexOf(0)], clients[kept.lastIndexOf(1)]];
    for (const [client, recovered] of [
      [stays, true],
      [gone, false],
    ] as const) {
      client?.io.engine.close();
      await next(client as Socket, 'connect');
      expect(client?.recovered).toBe(recovered);
    }
  });

  it('on takeoversMax keep two clients from taking a session from each other forever', async () => {
    const { limits, receiver, nodes } = await bounded({ takeoversMax: 4 });
    const auth = { pid: Reflect.get(receiver, '_pid'), offset: '' };
    const address = nodes[0]?.address as string;
    const thief = connect(address, { auth, forceNew: true, reconnectionDelay: 100 });
    onTestFinished(() => void thief.disconnect());
    await connected(thief);
    await until('it is refused', () => limits.has('takeovers'));
    const pair = [thief, receiver];
    await until('both are connected', () => pair.every((client) => client.connected));
    const lost: string[] = [];
    for (const client of pair) client.on('disconnect', (reason) => lost.push(reason));
    const later = pair.map((client) => next(client, 'event'));
    await nodes[2]?.adapter.publish(nodes[2].io, 'event', []);
    await Promise.all(later); // every notice of a takeover was published before
    expect(lost).toEqual([]);
  });

  it('on sessionMsMax leave a session its window if its process cannot renew it', async () => {
    const { receiver, redis } = await bounded({ sessionMsMax: 600, recoveryMsMax: 10_000 });
    const key = `socket.io:/:session:${Reflect.get(receiver, '_pid')}`;
    for (let left = Infinity, renewals = 0; renewals < 2; ) {
      const before = left;
      left = await redis.pTTL(key);
      if (left > before) renewals += 1;
      expect(left).toBeGreaterThan(10_000);
    }
  });

  it('on sessionMsMax have sessions of longer connections written again', async () => {
    const { receiver, publish, seen, redis } = await bounded({ sessionMsMax: 600 });
    const key = `socket.io:/:session:${Reflect.get(receiver, '_pid')}`;
    let [left, writes] = [await redis.pTTL(key), 0];
    await until('it has lived longer than that', async () => {
      const before = left;
      left = await redis.pTTL(key);
      if (left > before) writes += 1; // every 300 ms
      return writes >= 4;
    });
    const back = next(receiver, 'connect');
    receiver.io.engine.close();
    await publish(1);
    await back;
    expect(receiver.recovered).toBe(true);
    await until('it arrives', () => seen.at(-1) === 1);
  });
});
