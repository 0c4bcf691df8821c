// Redis Cluster, three real masters: each namespace has a stream of its own on one of them.
import { createCluster } from '@redis/client';
import { createCluster as createCluster5 } from 'redis-5';
import { describe, expect, it } from 'vitest';
import { expectAlone } from '../harness/alone.ts';
import { startCluster } from '../harness/cluster.ts';
import { clean, joined, judge, rotate, startStream } from '../harness/moving.ts';
import { untilReplicated } from '../harness/redis.ts';
import {
  connected,
  next,
  samples,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

const rooms = ['r0', 'r1'];

/** Two replicas of the service with clients, and a third one which publishes a stream. */
async function underLoad() {
  const redis = await startCluster();
  const env = { ...redis.env, EVENTS_PER_SECOND_MAX: '10000' };
  const first = await startProcess(env);
  const [second, third] = [await startApp(env), await startApp(env)];
  const services = [first, second, third];
  await Promise.all(services.map(({ operationsUrl }) => untilReady(operationsUrl)));
  const clients = await Promise.all(
    ['alice', 'bob', 'carol', 'dave'].map(async (user, i) => {
      const client = (i % 2 ? first : second).connect(user, { reconnectionDelay: 100 });
      rotate(client, [first.url, second.url, third.url]);
      return joined(client, rooms);
    }),
  );
  const { client: publisher } = await joined(third.connect('publisher'), rooms);
  const stream = startStream(publisher, rooms);
  const more = (count = 30) => stream.more(count);
  const verdicts = async (judged: (texts: string[], room: string) => string[]) => {
    const acknowledged = await stream.stop();
    await until('the last ones arrive', () =>
      clients.every(({ seen }) =>
        rooms.every((room) => seen.texts.get(room)?.includes(acknowledged.get(room)?.at(-1) ?? '')),
      ),
    ).catch(() => {}); // the verdict says what is missing
    const part = new Map([...acknowledged].map(([room, texts]) => [room, judged(texts, room)]));
    return clients.map(({ seen }) => judge(seen, part, rooms));
  };
  await more();
  return { redis, first, third, clients, publisher, stream, more, verdicts };
}

type Load = Awaited<ReturnType<typeof underLoad>>;

/** What crosses replicas beside the messages of rooms. */
async function expectTogether({ third, clients, publisher }: Load) {
  const { io } = third.app;
  expect(await io.fetchSockets()).toHaveLength(5);
  expect(await io.of('/').adapter.serverCount()).toBe(3);
  const admin = await connected(
    third.connect({ sub: 'root', role: 'admin' }, { namespace: '/admin' }),
  );
  const announced = clients.map(({ client }) => next(client, 'announcement'));
  expect(await admin.emitWithAck('broadcast_announcement', 'hello')).toMatchObject({ ok: true });
  await Promise.all(announced);
  const joined = await publisher.emitWithAck('join_room', 'r0');
  expect(joined.members.toSorted()).toEqual(['alice', 'bob', 'carol', 'dave', 'publisher']);
}

describe('Redis Cluster', () => {
  it('carries everything through the loss of a pod, a restart and failovers', async () => {
    const load = await underLoad();
    const { redis, first, third, clients, publisher, stream, more, verdicts } = load;
    await expectTogether(load);
    const rootNodes = redis.env.REDIS_URL.split(',').map((url) => ({ url }));
    await expectAlone(createCluster({ rootNodes }));
    await expectAlone(createCluster5({ rootNodes, RESP: 2 }));

    first.child.kill('SIGKILL');
    const ofFirst = clients.filter((_, i) => i % 2 === 1);
    await until('they are back', () => ofFirst.every(({ seen }) => seen.recovered.length > 0));
    await more();
    await redis.master.kill();
    await redis.master.start();
    await more();

    const replicated = new Map(
      [...stream.acknowledged].map(([room, { length }]) => [room, length]),
    );
    await untilReplicated(redis.master, redis.replica);
    await redis.master.kill();
    const send = () => publisher.emitWithAck('send_message', { roomId: 'r0', text: 'x' });
    await until('sends are refused', async () => (await send()).error?.code === 'unavailable');
    expect(await samples(third.operationsUrl, 'redis_up')).toEqual({ '': 0 });
    await more();
    expect(await redis.owner(redis.replica)).toBe(redis.replica.port);

    await redis.master.start(); // as a replica, which must not mislead anybody
    await until('it follows', async () =>
      /master_link_status:up/.test(String(await redis.master.command('INFO', 'replication'))),
    );
    const planned = stream.count();
    await until(
      'it is master again',
      async () => {
        await redis.master.command('CLUSTER', 'FAILOVER').catch(() => {}); // it may time out
        const done = async () => (await redis.owner(redis.replica)) === redis.master.port;
        return until('one attempt ends', done, 5_000).then(
          () => true,
          () => false,
        );
      },
      20_000,
    ); // the other one lives on, as a replica
    await more();

    const safe = (texts: string[], room: string) =>
      texts.filter((text, i) => i < Number(replicated.get(room)) || Number(text) >= planned);
    expect(await verdicts(safe)).toEqual(clients.map(() => clean));
    const recovered = clients.map(({ seen }) => seen.recovered);
    expect(recovered).toEqual([[], [true], [], [true]]);
    const { messages } = await publisher.emitWithAck('history', { roomId: 'r1' });
    expect(messages.length).toBeGreaterThan(30);
  });
});
