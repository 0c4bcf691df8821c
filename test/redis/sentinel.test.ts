// Failover by real Sentinels: the guarantees while a replica is promoted to master.
import { createSentinel } from '@redis/client';
import { describe, expect, it } from 'vitest';
import { expectAlone } from '../harness/alone.ts';
import { clean, joined, judge, sendTo, startStream } from '../harness/moving.ts';
import { untilReplicated } from '../harness/redis.ts';
import { startSentinels } from '../harness/sentinel.ts';
import { next, samples, startApp, until, untilReady } from '../harness/service.ts';

const rooms = ['r0', 'r1'];

/** Clients of the first of two replicas of the service, under a stream from the second one. */
async function underLoad() {
  const redis = await startSentinels();
  const env = { ...redis.env, EVENTS_PER_SECOND_MAX: '10000' };
  const [first, second] = [await startApp(env), await startApp(env)];
  await Promise.all([first, second].map(({ operationsUrl }) => untilReady(operationsUrl)));
  const clients = await Promise.all(
    ['alice', 'bob', 'carol', 'dave'].map(async (user) => {
      const client = first.connect(user, { reconnectionDelay: 100 });
      return joined(client, rooms);
    }),
  );
  const { client: publisher } = await joined(second.connect('publisher'), rooms);
  const stream = startStream(publisher, rooms);
  const more = (count = 50) => stream.more(count);
  await more();
  return { redis, first, second, clients, publisher, stream, more };
}

const countsOf = (acknowledged: Map<string, string[]>) =>
  new Map([...acknowledged].map(([room, texts]) => [room, texts.length]));

describe('Redis with Sentinel', () => {
  it('fails over while clients stay and nothing that was replicated is lost', async () => {
    const { redis, first, second, clients, publisher, stream, more } = await underLoad();
    const [old, promoted] = redis.nodes;
    const replicated = countsOf(stream.acknowledged);
    await untilReplicated(old, promoted);
    await old.kill();
    const send = () => publisher.emitWithAck('send_message', { roomId: 'r0', text: 'x' });
    await until('sends are refused', async () => (await send()).error?.code === 'unavailable');
    expect(await samples(second.operationsUrl, 'redis_up')).toEqual({ '': 0 });
    const [wanderer] = clients as [(typeof clients)[0]];
    sendTo(wanderer.client, second.url);
    wanderer.client.io.engine.close(); // comes back when there is a master
    await more();
    expect(await redis.master()).toBe(promoted.port);
    for (const { operationsUrl } of [first, second]) {
      await until('both are up', async () => (await samples(operationsUrl, 'redis_up'))[''] === 1);
    }

    await old.start({ replicaof: `127.0.0.1 ${promoted.port}` }); // Sentinels take long to say it
    await until('it follows', async () =>
      /master_link_status:up/.test(String(await old.command('INFO', 'replication'))),
    );
    await until('Sentinel agrees', async () => {
      return String(await redis.ask('FAILOVER', 'main').catch(() => '')) === 'OK';
    });
    await until('it is master again', async () => (await redis.master()) === old.port);
    await more();

    const acknowledged = await stream.stop();
    await until('the last ones arrive', () =>
      clients.every(({ seen }) =>
        rooms.every((room) => seen.texts.get(room)?.includes(acknowledged.get(room)?.at(-1) ?? '')),
      ),
    );
    const safe = new Map(
      [...acknowledged].map(([room, texts]) => [room, texts.slice(0, replicated.get(room))]),
    );
    const after = new Map([...acknowledged].map(([room, texts]) => [room, texts.slice(-50)]));
    for (const { client, seen } of clients) {
      expect(judge(seen, safe, rooms)).toEqual(clean);
      expect(judge(seen, after, rooms)).toEqual(clean);
      expect(client.connected).toBe(true);
      expect(seen.recovered).toEqual(client === wanderer.client ? [true] : []);
    }
    expect(await first.app.io.fetchSockets()).toHaveLength(5);
  });

  it('tells a client plainly that it misses what was acknowledged and not replicated', async () => {
    const { redis, clients, stream } = await underLoad();
    const [master, replica] = redis.nodes;
    await stream.stop();
    const unknown = await startApp({ ...redis.env, REDIS_SENTINEL_NAME: 'other' });
    await expect(unknown.app.started).rejects.toThrow(/know no master named other: give the name/);
    const refused = await startApp({ ...redis.env, REDIS_SENTINEL_PASSWORD: 'wrong' });
    await expect(refused.app.started).rejects.toThrow(
      /rejected the user name default or its password/,
    );
    await expectAlone(createSentinel(redis.options));
    await expectAlone(createSentinel({ ...redis.options, RESP: 2 }));
    await expectAlone(redis.options); // createSentinel of redis 5 does not show them
    const [stays, away] = clients as [(typeof clients)[0], (typeof clients)[0]];
    away.client.io.reconnection(false);
    away.client.io.engine.close();
    await replica.command('CONFIG', 'SET', 'masterauth', 'wrong'); // no way back to its master
    await master.command('CLIENT', 'KILL', 'TYPE', 'replica');
    const heard = next(stays.client, 'new_message');
    const send = (text: string) => stays.client.emitWithAck('send_message', { roomId: 'r0', text });
    expect(await send('not replicated')).toMatchObject({ ok: true });
    await heard;
    await master.kill();
    await until('it is promoted', async () => (await redis.master()) === replica.port, 20_000);
    await until('it works again', async () => (await send('x')).ok);
    const back = next(away.client, 'connect');
    away.client.io.reconnection(true); // a busy process may postpone it
    away.client.connect();
    await back;
    expect(away.client.recovered).toBe(false);
    expect(stays.seen.recovered).toEqual([]);
    expect(stays.client.connected).toBe(true);
  });
});
