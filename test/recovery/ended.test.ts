// A session is ended while its client is being connected again. Found by `make chaos`.
import { expect, it } from 'vitest';
import { post } from '../harness/backend.ts';
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
