// Traces in the backend API and in the stores: in memory, and in Redis.
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../service/config/schema.ts';
import { createMemoryTraces } from '../../service/stores/memory/traces.ts';
import { openRedis, redisClient } from '../../service/stores/redis/connection.ts';
import { createRedisTraces, tracesNeeds } from '../../service/stores/redis/traces.ts';
import { type Traces, traceLimits } from '../../service/stores/traces.ts';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { startRedis } from '../harness/redis.ts';
import { apiKey, secret, startApp, until, untilReady } from '../harness/service.ts';

type Limits = typeof traceLimits;

async function inRedis(limits: Limits): Promise<Traces> {
  const { url } = await startRedis();
  const config = parseConfig({ JWT_SECRET: secret, REDIS_URL: url });
  const client = redisClient([url], config);
  const redis = openRedis(
    client,
    'mooring',
    [tracesNeeds],
    createMetrics(),
    () => {},
    () => {},
  );
  onTestFinished(redis.close);
  await redis.ready();
  return createRedisTraces(redis, limits);
}

const stores = [
  ['in memory', async (limits: Limits) => createMemoryTraces(limits)],
  ['in Redis', inRedis],
] as const;

describe.each(stores)('traces %s', (_, open) => {
  const openWith = (limits: Partial<Limits> = {}) => open({ ...traceLimits, ...limits });
  const started = async (traces: Traces) => {
    const trace = await traces.start('alice');
    if (!trace) throw new Error('too many');
    return trace.id;
  };

  it('are known to every process with their user and places until they are stopped', async () => {
    const traces = await openWith();
    const id = await started(traces);
    await traces.append(id, ['/ *', '/ room:lobby'], []);
    await traces.append(id, ['/ *'], []);
    const [trace] = await traces.running();
    expect(trace).toMatchObject({ id, userId: 'alice' });
    expect(trace?.places.sort()).toEqual(['/ *', '/ room:lobby']);
    await traces.stop(id);
    expect(await traces.running()).toEqual([]);
    expect(await traces.read(id, 0)).toBeUndefined();
    await traces.append(id, [], ['late']); // of a process that does not know yet
    expect(await traces.read(id, 0)).toBeUndefined();
  });

  it('are read from a cursor on, a page at a time', async () => {
    const traces = await openWith({ readEventsMax: 2 });
    const id = await started(traces);
    expect(await traces.read(id, 0)).toMatchObject({ events: [], lost: 0, next: 0 });
    await traces.append(id, [], ['1', '2', '3']);
    expect(await traces.read(id, 0)).toMatchObject({ events: ['1', '2'], lost: 0, next: 2 });
    expect(await traces.read(id, 2)).toMatchObject({ events: ['3'], lost: 0, next: 3 });
    expect(await traces.read(id, 3)).toMatchObject({ events: [], lost: 0, next: 3 });
    expect(await traces.read(id, 99)).toMatchObject({ events: [], lost: 0, next: 3 });
  });

  it('keep the newest events, and tell a slow reader how many it has lost', async () => {
    const traces = await openWith({ eventsMax: 3 });
    const id = await started(traces);
    await traces.append(id, [], ['1', '2']);
    await traces.append(id, [], ['3', '4', '5']);
    expect(await traces.read(id, 1)).toMatchObject({ events: ['3', '4', '5'], lost: 1, next: 5 });
  });

  it('are so many at once and no more', async () => {
    const traces = await openWith({ tracesMax: 2 });
    const id = await started(traces);
    await started(traces);
    expect(await traces.start('bob')).toBeUndefined();
    await traces.stop(id);
    expect(await traces.start('bob')).toBeDefined();
  });

  it('keep so many places and no more', async () => {
    const traces = await openWith({ placesMax: 2 });
    const id = await started(traces);
    await traces.append(id, ['/ a', '/ b', '/ c'], ['1']);
    expect((await traces.running())[0]?.places).toEqual(['/ a', '/ b']);
    expect((await traces.read(id, 0))?.events).toEqual(['1']);
  });

  it('end when nobody has read them for a while, and make room for others', async () => {
    const traces = await openWith({ idleMsMax: 300, tracesMax: 1 });
    await started(traces);
    await until('it has ended', async () => (await traces.running()).length === 0);
    await started(traces);
  });

  it('end when their time is over, however often they are read', async () => {
    const traces = await openWith({ traceMsMax: 500 });
    const id = await started(traces);
    await traces.append(id, ['/ *'], ['1']);
    await until('it has ended', async () => (await traces.read(id, 0)) === undefined);
    expect(await traces.running()).toEqual([]);
  });
});

const headers = { Authorization: `Bearer ${apiKey}` };

async function ask(operationsUrl: string, method: string, path: string, body?: object) {
  const given = body && { body: JSON.stringify(body) };
  const response = await fetch(`${operationsUrl}/v1/traces${path}`, { method, headers, ...given });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('the API of traces', () => {
  it('is off by default', async () => {
    const { operationsUrl } = await startApp();
    const path = `/${crypto.randomUUID()}`;
    const off = { status: 403, body: { code: 'trace_off', detail: 'Set TRACE=on' } };
    expect(await ask(operationsUrl, 'POST', '', { userId: 'alice' })).toMatchObject(off);
    expect(await ask(operationsUrl, 'GET', path)).toMatchObject(off);
    expect(await ask(operationsUrl, 'DELETE', path)).toMatchObject(off);
  });

  it('needs the API key', async () => {
    const { operationsUrl } = await startApp({ TRACE: 'on' });
    const body = JSON.stringify({ userId: 'alice' });
    const response = await fetch(`${operationsUrl}/v1/traces`, { method: 'POST', body });
    expect(response.status).toBe(401);
  });

  it('starts, reads and ends a trace, and logs who is traced', async () => {
    const { operationsUrl, logged } = await startApp({ TRACE: 'on' });
    const started = await ask(operationsUrl, 'POST', '', { userId: 'alice' });
    expect(started).toMatchObject({ status: 202, body: { userId: 'alice' } });
    const { id, endsAt } = started.body;
    const line = logged.find(({ msg }) => msg === 'trace started');
    expect(line).toMatchObject({ userId: 'alice', traceId: id });
    const read = await ask(operationsUrl, 'GET', `/${id}`);
    expect(read).toMatchObject({ status: 200, body: { userId: 'alice', lost: 0, endsAt } });
    expect(await ask(operationsUrl, 'DELETE', `/${id}`)).toMatchObject({ status: 202 });
    const ended = { status: 404, body: { code: 'trace_ended' } };
    expect(await ask(operationsUrl, 'GET', `/${id}`)).toMatchObject(ended);
  });

  it('refuses a trace more than there may be on the whole fleet', async () => {
    const { url } = await startRedis();
    const env = { REDIS_URL: url, TRACE: 'on' };
    const [a, b] = [await startApp(env), await startApp(env)];
    for (const { operationsUrl } of [a, b]) await untilReady(operationsUrl);
    for (let i = 0; i < traceLimits.tracesMax; i += 1) {
      const { operationsUrl } = i % 2 ? a : b;
      const { status } = await ask(operationsUrl, 'POST', '', { userId: `user-${i}` });
      expect(status).toBe(202);
    }
    expect(await ask(a.operationsUrl, 'POST', '', { userId: 'alice' })).toMatchObject({
      status: 429,
      body: { code: 'too_many_traces' },
    });
  });

  it.each([
    ['POST', '', { userId: 'a\nb' }, '/userId'],
    ['GET', '/not-an-id', undefined, '/traceId'],
    ['GET', `/${crypto.randomUUID()}?after=-1`, undefined, '/after'],
  ])('refuses %s %s of %j with a pointer to it', async (method, path, body, pointer) => {
    const { operationsUrl } = await startApp({ TRACE: 'on' });
    const answer = await ask(operationsUrl, method, path, body);
    expect(answer).toMatchObject({ status: 400, body: { errors: [{ pointer }] } });
  });
});
