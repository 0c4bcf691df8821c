import { describe, expect, it } from 'vitest';
import { post } from '../harness/backend.ts';
import { think } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import { startRelay } from '../harness/relay.ts';
import {
  apiKey,
  connected,
  next,
  readyStatus,
  samples,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

describe('Redis that is unavailable at the start', () => {
  it('keeps the service not ready, with the reason, and handshakes get 503', async () => {
    const redis = await startRedis();
    await redis.kill();
    const service = await startApp({ REDIS_URL: redis.url });
    const state = await fetch(`${service.operationsUrl}/readyz`);
    expect(state.status).toBe(503);
    expect(await state.json()).toEqual({ ready: false, live: false, reason: 'starting' });
    expect((await fetch(`${service.operationsUrl}/healthz`)).status).toBe(200);
    const handshake = await fetch(`${service.url}/socket.io/?EIO=4&transport=polling`);
    expect(handshake.status).toBe(503);
    await redis.start();
    await untilReady(service.operationsUrl);
    await connected(service.connect('alice'));
  });

  it('does not keep the process from ending', async () => {
    const service = await startProcess({ REDIS_URL: 'redis://127.0.0.1:9' });
    await until('it answers', async () => (await readyStatus(service.operationsUrl)) === 503);
    service.child.kill('SIGTERM');
    expect(await service.exited).toEqual([0, null]);
  });
});

describe('a replica that was cut off from Redis', () => {
  it('delivers what was published meanwhile, even the first message of all', async () => {
    const redis = await startRedis();
    const relay = await startRelay(redis.port);
    const near = await startApp({ REDIS_URL: redis.url });
    const far = await startApp({ REDIS_URL: `redis://127.0.0.1:${relay.port}` });
    await Promise.all([near, far].map(({ operationsUrl }) => untilReady(operationsUrl)));
    const alice = await connected(far.connect('alice'));
    const heard = next(alice, 'greeting');
    relay.cut();
    await until('it notices', async () => {
      return (await samples(far.operationsUrl, 'redis_up'))[''] === 0;
    });
    const body = { users: ['alice'], event: 'greeting', data: 'hello' };
    expect((await post(near.operationsUrl, 'publish', body)).status).toBe(202);
    relay.mend();
    expect((await heard)[0]).toBe('hello');
  });
});

describe('Redis killed under load', () => {
  it('ends no process: requests are answered with unavailable until it is back', async () => {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url, EVENTS_PER_SECOND_MAX: '10000', LOG_LEVEL: 'error' };
    const replicas = [await startProcess(env), await startProcess(env)];
    await Promise.all(replicas.map(({ operationsUrl }) => untilReady(operationsUrl)));
    const clients = await Promise.all(
      replicas.flatMap(({ connect }) => [connect('alice'), connect('bob')].map(connected)),
    );
    for (const client of clients) await client.emitWithAck('join_room', 'lobby');

    const replies: { ok: boolean; code?: string; retryable?: boolean }[] = [];
    let sending = true;
    const stream = clients.map(async (client) => {
      while (sending) {
        const request = { roomId: 'lobby', text: 'x' };
        const { ok, error = {} } = await client.emitWithAck('send_message', request);
        replies.push({ ok, ...error });
        await think();
      }
    });
    await until('messages flow', () => replies.filter(({ ok }) => ok).length > 100);
    for (const { operationsUrl } of replicas) {
      expect(await samples(operationsUrl, 'redis_up')).toEqual({ '': 1 });
    }
    await redis.kill();
    await until('requests are refused', () => replies.filter(({ ok }) => !ok).length > 100);
    const { length: answered } = replies;
    await until('every client is answered', () => replies.length > answered + clients.length);
    for (const { operationsUrl } of replicas) {
      expect(await readyStatus(operationsUrl)).toBe(200); // all replicas would go at once
      expect(await samples(operationsUrl, 'redis_up')).toEqual({ '': 0 });
    }
    const published = await fetch(`${replicas[0]?.operationsUrl}/v1/publish`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({ everyone: true, event: 'x', data: 1 }),
    });
    expect(published.status).toBe(503);
    expect(await published.json()).toMatchObject({ retryable: true });
    await redis.start();
    await until('messages flow again', () => replies.at(-1)?.ok === true);
    sending = false;
    await Promise.all(stream);

    for (const { ok, code, retryable } of replies) {
      if (!ok) expect({ code, retryable }).toEqual({ code: 'unavailable', retryable: true });
    }
    for (const { child } of replicas) expect(child.exitCode).toBeNull();
    const [sender, , receiver] = clients;
    let heard = false;
    receiver?.on('new_message', ({ text }) => {
      heard ||= text === 'across';
    });
    await until('it crosses replicas again', async () => {
      await sender?.emitWithAck('send_message', { roomId: 'lobby', text: 'across' });
      return heard;
    });
  });

  it('is noticed when it freezes without closing a connection', async () => {
    const redis = await startRedis();
    const service = await startApp({ REDIS_URL: redis.url });
    await untilReady(service.operationsUrl);
    const client = await connected(service.connect('alice'));
    await client.emitWithAck('join_room', 'lobby');
    const heard: unknown[] = [];
    client.on('new_message', ({ id }) => heard.push(id));
    redis.signal('SIGSTOP');
    const request = { roomId: 'lobby', text: 'x', id: 'retried' };
    const reply = await client.emitWithAck('send_message', request);
    expect(reply).toMatchObject({ ok: false, error: { code: 'unavailable', retryable: true } });
    redis.signal('SIGCONT');
    await until('the retry is taken', async () => {
      return (await client.emitWithAck('send_message', request)).ok;
    });
    await client.emitWithAck('send_message', { roomId: 'lobby', text: 'y', id: 'last' });
    await until('the last one arrives', () => heard.includes('last'));
    expect(heard).toEqual(['retried', 'last']);
    const { messages } = await client.emitWithAck('history', { roomId: 'lobby' });
    expect(messages.map(({ id }: { id: string }) => id)).toEqual(heard);
  });

  it('leaves in the history exactly what was published', async () => {
    const redis = await startRedis();
    const service = await startApp({ REDIS_URL: redis.url, EVENTS_PER_SECOND_MAX: '10000' });
    await untilReady(service.operationsUrl);
    const client = await connected(service.connect('alice'));
    await client.emitWithAck('join_room', 'lobby');
    const heard: unknown[] = [];
    client.on('new_message', ({ id }) => heard.push(id));
    const send = (id: string) =>
      client.emitWithAck('send_message', { roomId: 'lobby', text: id, id });
    const burst = Array.from({ length: 80 }, (_, i) => send(`burst-${i}`));
    await redis.kill();
    const acknowledged = (await Promise.all(burst)).filter(({ ok }) => ok).length;
    await redis.start();
    await until('it works again', async () => (await send('last')).ok);
    await until('the last one arrives', () => heard.includes('last'));
    const { messages } = await client.emitWithAck('history', { roomId: 'lobby', limit: 100 });
    expect(messages.map(({ id }: { id: string }) => id)).toEqual(heard);
    expect(heard.length).toBeGreaterThan(acknowledged);
  });
});
