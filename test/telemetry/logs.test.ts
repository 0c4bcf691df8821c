// What the log says of a busy hostile run, and what it never says.
import { createClient } from '@redis/client';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { createReport } from '../../service/telemetry/errors.ts';
import { createLimitedLog, createLog } from '../../service/telemetry/log.ts';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { launchRedis } from '../harness/processes.ts';
import { startRedis } from '../harness/redis.ts';
import {
  apiKey,
  connected,
  secret,
  startApp,
  startProcess,
  tokenFor,
  until,
  untilReady,
} from '../harness/service.ts';

const lines = (text: string) =>
  text.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : []));

const post = (url: string, path: string, body: object, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/${path}`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${apiKey}`, ...headers },
    body: JSON.stringify(body),
  });

describe('the log of a busy hostile run, at its most talkative', () => {
  it('holds no token, key, password, session id or text', async () => {
    const password = 'redis-password-of-the-test';
    const redis = await launchRedis({ requirepass: password });
    onTestFinished(redis.stop);
    const url = redis.url.replace('//', `//:${password}@`);
    const service = await startProcess({ REDIS_URL: url, LOG_LEVEL: 'debug' });
    await untilReady(service.operationsUrl);

    const token = tokenFor('alice');
    const forged = `${tokenFor('mallory').slice(0, -6)}forged`;
    const client = await connected(service.connect('alice', { auth: { token } }));
    await client.emitWithAck('join_room', 'lobby');
    await client.emitWithAck('send_message', { roomId: 'lobby', text: 'text-of-a-message' });
    await client.emitWithAck('send_message', { text: 'text-of-a-bad-message' });
    await client.emitWithAck('name-of-an-event', 'text-of-an-event');
    await client.emitWithAck('join_room', { 'text-of-a-room': token });
    await client.emitWithAck('refresh_token', forged);
    const refused = service.connect('mallory', { auth: { token: forged, pid: 'text-of-a-pid' } });
    await new Promise((resolve) => refused.once('connect_error', resolve));
    await post(service.operationsUrl, 'publish', {
      everyone: true,
      event: 'x',
      data: 'text-of-data',
    });
    await post(service.operationsUrl, 'publish', { event: 'text-of-a-mistake' });
    await post(service.operationsUrl, 'publish', {}, { Authorization: 'Bearer key-of-a-stranger' });
    const pid = String(Reflect.get(client, '_pid'));
    client.io.engine.close();
    await new Promise((resolve) => client.once('connect', resolve as () => void));
    const admin = createClient({ url }).on('error', () => {});
    await admin.connect();
    await admin.configSet('maxmemory', '1mb'); // errors that hold what was asked
    await client.emitWithAck('send_message', { roomId: 'lobby', text: 'text-for-a-full-redis' });
    admin.destroy();
    await redis.kill();
    await client.emitWithAck('send_message', { roomId: 'lobby', text: 'text-without-redis' });
    await until('it is shown', () => service.output().includes('redis down'));

    const said = service.output();
    const secrets = [token, forged, secret, apiKey, password, pid, 'key-of-a-stranger'];
    const signatures = [token, forged].map((one) => one.split('.')[2] as string);
    for (const one of [...secrets, ...signatures, 'text-', 'name-of-an-event']) {
      expect([one, said.includes(one)]).toEqual([one, false]);
    }
    const told = lines(said).map(({ msg, code }) => [msg, code].filter(Boolean).join(' '));
    for (const words of [
      'connected',
      'disconnected',
      'connect refused invalid_token',
      'request refused invalid_payload',
      'request refused unknown_event',
      'recovery ended',
      'backend API request',
      'redis down',
    ]) {
      expect(told).toContain(words);
    }
  });
});

describe('failures of background operations', () => {
  afterEach(() => void vi.useRealTimers());

  it('are logged once per kind, and then counted every ten seconds until they end', () => {
    vi.useFakeTimers();
    const written: Record<string, unknown>[] = [];
    const write = (line: string) => written.push(JSON.parse(line));
    const report = createReport(createLog('info', 'a', { write }), createMetrics());
    const fail = () => {
      report('heartbeat', new Error('Redis is unavailable'));
      report('redis_connection', new Error('refused'));
    };
    for (let second = 0; second < 25; second += 1) {
      fail();
      vi.advanceTimersByTime(1_000);
    }
    report('heartbeat', new Error('another'));
    vi.advanceTimersByTime(30_000);
    fail();
    const told = written.map(({ msg, stage, failures }) => [msg, stage ?? failures]);
    const first = [
      ['operation failed', 'heartbeat'],
      ['operation failed', 'redis_connection'],
    ];
    expect(told).toEqual([
      ...first,
      ['operations keep failing', { heartbeat: 9, redis_connection: 9 }],
      ['operations keep failing', { heartbeat: 10, redis_connection: 10 }],
      ['operation failed', 'heartbeat'],
      ['operations keep failing', { heartbeat: 5, redis_connection: 5 }],
      ...first,
    ]);
  });

  it('take few lines in an outage of Redis, whose end is logged', async () => {
    const redis = await startRedis();
    const service = await startApp({ REDIS_URL: redis.url });
    await connected(service.connect('alice'));
    const failures = () => service.logged.filter(({ msg }) => msg === 'operation failed');
    const messages = () => failures().map(({ stage, err }) => `${stage} ${(err as Error).message}`);
    await redis.kill();
    await until('it was noticed', () => service.logged.some(({ msg }) => msg === 'redis down'));
    await until('attempts failed', () => messages().length > 2);
    await redis.start();
    await until('it is back', () => service.logged.some(({ msg }) => msg === 'redis up'));
    expect(messages()).toEqual([...new Set(messages())]);
  });
});

describe('a line in the log', () => {
  it('of a backend request has the id that the caller gave, and the answer has it', async () => {
    const service = await startApp({ LOG_LEVEL: 'debug' });
    const body = { everyone: true, event: 'x', data: 1 };
    const headers = { 'X-Request-Id': 'order-7' };
    const response = await post(service.operationsUrl, 'publish', body, headers);
    expect(response.headers.get('x-request-id')).toBe('order-7');
    const line = service.logged.find(({ msg }) => msg === 'backend API request');
    expect(line).toMatchObject({ requestId: 'order-7', path: '/v1/publish', status: 202 });
    const odd = { 'X-Request-Id': 'a b' };
    const other = await post(service.operationsUrl, 'publish', body, odd);
    expect(other.headers.get('x-request-id')).toMatch(/^[\da-f-]{36}$/);
  });

  it('of a refusal has the socket', async () => {
    const service = await startApp();
    const client = await connected(service.connect('alice'));
    await client.emitWithAck('send_message', { roomId: 'lobby', text: 'x' });
    const line = service.logged.find(({ msg }) => msg === 'request refused');
    expect(line).toMatchObject({
      level: 'info',
      code: 'not_in_room',
      event: 'send_message',
      socketId: client.id,
    });
  });

  it('of a kind comes once a second, with how many were left out', async () => {
    const service = await startApp();
    const client = await connected(service.connect('alice'));
    const refuse = () => client.emitWithAck('send_message', { roomId: 'lobby', text: 'x' });
    const refusals = () => service.logged.filter(({ msg }) => msg === 'request refused');
    for (let i = 0; i < 20; i += 1) await refuse();
    const first = refusals().length;
    expect(first).toBeLessThan(4);
    await until('it is logged again', async () => {
      await refuse();
      return refusals().length > first;
    });
    expect(refusals().at(-1)?.omitted).toBeGreaterThan(5);
  });

  it('of an error has its causes, and nothing that a library hung on it', () => {
    const written: string[] = [];
    const log = createLog('info', 'a', { write: (line: string) => written.push(line) });
    const cause = Object.assign(new Error('refused'), { command: ['SET', 'secret'], code: 'EX' });
    const tell = createLimitedLog(log);
    tell('error', 'x', { err: new Error('not done', { cause }) }, 'failed');
    expect(JSON.parse(written[0] as string).err).toMatchObject({
      message: 'not done',
      cause: { message: 'refused', code: 'EX' },
    });
    expect(written[0]).not.toContain('secret');
  });
});
