// Sessions are ended, and their clients connect again. Found by `make chaos`.
import { expect, it } from 'vitest';
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

it('the next session of its user is recovered by a replica that could not ask Redis', async () => {
  const redis = await startRedis();
  const env = { REDIS_URL: redis.url };
  const [one, two] = [await startApp(env), await startApp(env)];
  for (const { operationsUrl } of [one, two]) await untilReady(operationsUrl);
  const alice = await connected(one.connect('alice'));
  const ended = next(alice, 'disconnect');
  expect((await post(one.operationsUrl, 'disconnect', { users: ['alice'] })).status).toBe(202);
  expect((await ended)[0]).toBe('io server disconnect');
  alice.connect();
  await connected(alice);
  await alice.emitWithAck('join_room', 'lobby');
  const { id } = alice;

  await redis.kill();
  await until('two notices', async () => {
    return (await samples(two.operationsUrl, 'redis_up'))[''] === 0;
  });
  sendTo(alice, two.url);
  const back = next(alice, 'connect');
  alice.io.engine.close();
  await until('two has accepted the token', async () => {
    return (await samples(two.operationsUrl, 'clients'))[''] === 1;
  });
  await redis.start();
  await back;
  expect([alice.recovered, alice.id]).toEqual([true, id]);
});
