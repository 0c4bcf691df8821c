// Sessions are ended, and their clients connect again. Found by `make chaos`.
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { post } from '../harness/backend.ts';
import { sendTo } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import {
  connected,
  next,
  samples,
  startApp,
  tokenFor,
  until,
  untilReady,
} from '../harness/service.ts';

const slowMs = 2_000;
const targets = {
  user: () => ({ users: ['alice'] }),
  socket: (id: string) => ({ sockets: [id] }),
};

it.each(Object.entries(targets))('its connection is closed: by %s', async (_, target) => {
  const { url: REDIS_URL } = await startRedis();
  const service = await startApp({ REDIS_URL, APPLICATION: 'test/chaos/application.ts' });
  const { operationsUrl } = service;
  await untilReady(operationsUrl);
  const auth: Record<string, unknown> = { token: tokenFor('alice') };
  const client = await connected(
    service.connect('alice', { auth: ((give: (auth: object) => void) => give(auth)) as never }),
  );
  const { id } = client;
  expect(await client.emitWithAck('join', 'r1')).toEqual({ ok: true });
  auth.slowMs = slowMs; // a middleware takes so long
  const back = next(client, 'connect');
  const closed = new Promise((resolve) => {
    client.on('disconnect', (reason) => reason === 'io server disconnect' && resolve(reason));
  });
  client.io.engine.close();
  await until('it is recovered', async () => {
    const results = await samples(operationsUrl, 'recoveries_total');
    return results['result="recovered"'] === 1;
  });
  expect((await post(operationsUrl, 'disconnect', target(id as string))).status).toBe(202);
  await back;
  expect(client.recovered).toBe(true); // it was there before the command
  await closed;
});

describe('the next session of its user is recovered', () => {
  /** Two replicas: alice was connected to the first one, and her session was ended. */
  async function ended() {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url };
    const [one, two] = [await startApp(env), await startApp(env)];
    for (const { operationsUrl } of [one, two]) await untilReady(operationsUrl);
    const alice = await connected(one.connect('alice'));
    const bob = await connected(two.connect('bob'));
    const gone = Promise.all([next(alice, 'disconnect'), next(bob, 'disconnect')]);
    const command = { users: ['alice', 'bob'] };
    expect((await post(one.operationsUrl, 'disconnect', command)).status).toBe(202);
    await gone; // so both replicas have read the command
    return { redis, one, alice };
  }

  const join = (client: Socket) =>
    until('it joins', async () => (await client.emitWithAck('join_room', 'lobby')).ok);

  it('by a replica that cannot ask Redis when the client comes', async () => {
    const { redis, alice } = await ended();
    alice.connect();
    await connected(alice);
    await join(alice);
    const { id } = alice;
    const late = await startApp({ REDIS_URL: redis.url }); // it has not read the command
    await untilReady(late.operationsUrl);
    await redis.kill();
    await until('the replica notices', async () => {
      return (await samples(late.operationsUrl, 'redis_up'))[''] === 0;
    });
    sendTo(alice, late.url);
    const back = next(alice, 'connect');
    alice.io.engine.close();
    await until('it has accepted the token', async () => {
      return (await samples(late.operationsUrl, 'clients'))[''] === 1;
    });
    await redis.start();
    await back;
    expect([alice.recovered, alice.id]).toEqual([true, id]);
  });

  it('after Redis has lost the command', async () => {
    const { redis, one, alice } = await ended();
    alice.connect();
    await connected(alice); // so the replica has read it from Redis, too
    await redis.command('FLUSHALL');
    const page = await connected(one.connect('alice'));
    await join(page);
    const { id } = page;
    const back = next(page, 'connect');
    page.io.engine.close();
    await back;
    expect([page.recovered, page.id]).toEqual([true, id]);
  });
});
