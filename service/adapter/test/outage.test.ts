// While Redis is unavailable, nothing crashes the process, waits forever, or grows without bound.
import { createServer } from 'node:http';
import { setImmediate } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { Server } from 'socket.io';
import { expect, it, onTestFinished } from 'vitest';
import { nearAndFar, setClockAhead, threeServers } from '../../../test/harness/servers.ts';
import { freePort, next, until } from '../../../test/harness/service.ts';
import { createAdapter } from '../index.ts';
import { createLimiter } from '../session/limiter.ts';

it('acknowledgements time out, and requests are refused', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const { first, nodes, clients, killRedis, restartRedis } = await threeServers();
  clients[0].on('question', (answer) => answer('yes'));
  await killRedis();
  await until('it is noticed', () => nodes.every(({ adapter }) => !adapter.isUp()));
  const asked = first.timeout(2_000).emitWithAck('question');
  await expect(asked).rejects.toMatchObject({ responses: ['yes'] });
  await expect(first.serverSideEmitWithAck('question')).rejects.toThrow('unavailable');
  await expect(first.fetchSockets()).rejects.toThrow('unavailable');
  await restartRedis();
  await Promise.all(nodes.map(({ adapter }) => adapter.ready()));
  await setImmediate(); // Node.js reports unhandled rejections at the end of a turn
  expect(unhandled).toEqual([]);
});

it('what waits for the first connection is bounded', async () => {
  const redis = createClient({ url: `redis://127.0.0.1:${await freePort()}` });
  const adapter = createAdapter(redis as never, { queuedMessagesMax: 10 });
  const io = new Server(createServer(), { adapter: adapter as never });
  onTestFinished(() => io.close());
  const sent = Array.from({ length: 15 }, () => adapter.publish(io, 'event', []));
  const refused: unknown[] = [];
  for (const one of sent) one.catch((error) => refused.push(error));
  await until('the rest is refused', () => refused.length === 5);
});

it('a client is not recovered if Redis lost a message that no process received', async () => {
  const parts = await threeServers({ unsubscribeMs: 1 });
  const { redis, first, nodes, sockets, killRedis, restartRedis } = parts;
  const [client] = parts.clients;
  await sockets[0].join('room');
  const heard = next(client, 'event');
  first.to('room').emit('event');
  await heard;
  client.io.reconnection(false);
  client.io.engine.close();
  const channel = 'socket.io:/:room:room';
  await until('no process listens', async () => !(await redis.pubSubChannels()).includes(channel));
  await redis.configSet('appendonly', 'no');
  await redis.sendCommand(['SAVE']);
  const there = nodes[1]?.io.to('room') as object;
  await nodes[1]?.adapter.publish(there, 'event', ['lost']);
  await killRedis();
  await until('it is noticed', () => nodes.every(({ adapter }) => !adapter.isUp()));
  await restartRedis({ appendonly: 'no' });
  await Promise.all(nodes.map(({ adapter }) => adapter.ready()));
  const back = next(client, 'connect');
  client.connect();
  await back;
  expect(client.recovered).toBe(false);
});

it('a socket that joins a room meanwhile gets later messages, and none from before', async () => {
  const { nodes, sockets, clients, killRedis, restartRedis } = await threeServers();
  const [, { adapter, io }] = nodes as [unknown, (typeof nodes)[0]];
  const say = (text: string) => adapter.publish(io.to('room'), 'event', [text]);
  const heard: string[] = [];
  clients[0].on('event', (text) => heard.push(text));
  await say('before');
  await killRedis();
  await until('it is noticed', () => nodes.every(({ adapter }) => !adapter.isUp()));
  await expect(sockets[0].join('room')).rejects.toThrow('unavailable');
  await restartRedis();
  await Promise.all(nodes.map(({ adapter }) => adapter.ready()));
  const last = next(clients[0], 'event');
  await say('after');
  await last;
  expect(heard).toEqual(['after']);
});

it('who was cut off longer than Redis keeps messages gets a new session', async () => {
  const { redis, connect, cutOff, mend } = await nearAndFar();
  const { client } = await connect();
  const back = next(client, 'connect');
  await cutOff();
  await setClockAhead(redis, 3_600_000);
  await mend();
  await back;
  expect(client.recovered).toBe(false);
});

it('work that is aborted while it waits leaves the limiter', async () => {
  const line = createLimiter(1);
  let end = () => {};
  const running = line(() => new Promise<void>((resolve) => (end = resolve)));
  const order: number[] = [];
  const work = (n: number) => async () => void order.push(n);
  const impatient = new AbortController();
  const left = line(work(1), impatient.signal);
  const patient = line(work(2));
  impatient.abort(new Error('too long'));
  await expect(left).rejects.toThrow('too long');
  end();
  await Promise.all([running, patient]);
  expect(order).toEqual([2]);
});
