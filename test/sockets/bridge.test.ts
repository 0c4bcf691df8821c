// BRIDGE_KEY: a server with the stock Redis adapter beside the service, on one Redis.
import { createServer } from 'node:http';
import { createClient } from '@redis/client';
import { createAdapter } from '@socket.io/redis-adapter';
import { Server } from 'socket.io';
import { expect, it, onTestFinished } from 'vitest';
import { listen } from '../../service/api/router.ts';
import { post } from '../harness/backend.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, connectorOf, next, startApp, until, untilReady } from '../harness/service.ts';

async function startStock(url: string) {
  const publisher = await createClient({ url }).connect();
  const subscriber = await publisher.duplicate().connect();
  const http = createServer();
  const io = new Server(http, { adapter: createAdapter(publisher, subscriber) });
  onTestFinished(async () => {
    await io.close();
    await Promise.all([publisher.close(), subscriber.close()]);
  });
  return { io, connect: connectorOf(`http://127.0.0.1:${await listen(http, 0, '127.0.0.1')}`) };
}

it('clients of a stock server and of the service get the messages of both', async () => {
  const { url } = await startRedis();
  const stock = await startStock(url);
  const service = await startApp({ REDIS_URL: url, BRIDGE_KEY: 'socket.io' });
  await untilReady(service.operationsUrl);
  const [old, moved] = [stock.connect(undefined), service.connect('alice')];
  await Promise.all([connected(old), connected(moved)]);
  await until('the stock server knows the service', async () => {
    return (await stock.io.of('/').adapter.serverCount()) === 2;
  });
  const heard = [old, moved].map((client) => next(client, 'notification'));
  const request = { everyone: true, event: 'notification', data: { n: 1 } };
  expect((await post(service.operationsUrl, 'publish', request)).status).toBe(202);
  const [first, second] = await Promise.all(heard);
  expect([first?.[0], second?.[0]]).toEqual([{ n: 1 }, { n: 1 }]);
  const again = [old, moved].map((client) => next(client, 'news'));
  stock.io.emit('news', { n: 2 });
  expect((await Promise.all(again)).map(([data]) => data)).toEqual([{ n: 2 }, { n: 2 }]);
});
