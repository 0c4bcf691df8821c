import { describe, expect, it } from 'vitest';
import { apiKey, connected, next, samples, startApp, until } from '../harness/service.ts';

const publish = (url: string, body: unknown, key = apiKey) =>
  fetch(`${url}/v1/publish`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  });

describe('operations port', () => {
  it('answers probes, also with a query, and unknown paths with 404 problem details', async () => {
    const { operationsUrl } = await startApp();
    for (const path of ['/healthz', '/healthz?x=1', '/readyz', '/readyz?verbose']) {
      expect((await fetch(operationsUrl + path)).status).toBe(200);
    }
    const unknown = await fetch(`${operationsUrl}/nothing`);
    expect(unknown.status).toBe(404);
    expect(unknown.headers.get('content-type')).toBe('application/problem+json');
  });

  it.each([
    ['POST', '/healthz', 'GET, HEAD'],
    ['GET', '/v1/publish', 'POST'],
    ['PUT', '/v1/rooms/lobby/history', 'GET, HEAD'],
    ['POST', `/v1/traces/${crypto.randomUUID()}`, 'GET, HEAD, DELETE'],
  ])('answers 405 to %s %s and names the methods', async (method, path, allow) => {
    const { operationsUrl } = await startApp();
    const headers = { Authorization: `Bearer ${apiKey}` };
    const response = await fetch(operationsUrl + path, { method, headers });
    expect([response.status, response.headers.get('allow')]).toEqual([405, allow]);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
  });

  it('is not reachable through the port for clients', async () => {
    const { url } = await startApp();
    for (const path of ['/metrics', '/openapi.json', '/v1/publish', '/']) {
      expect((await fetch(url + path)).status).toBe(404);
    }
  });

  it.each(['off', 'on'])('lends its probes to the port for clients, PAGE %s', async (PAGE) => {
    const { app, url } = await startApp({ PAGE });
    const statusOf = async (path: string) => (await fetch(url + path)).status;
    expect([await statusOf('/healthz'), await statusOf('/readyz')]).toEqual([200, 200]);
    await app.drain();
    expect([await statusOf('/healthz'), await statusOf('/readyz')]).toEqual([200, 503]);
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ ready: false });
  });

  it('shows every metric of the contract', async () => {
    const { operationsUrl } = await startApp();
    const text = await (await fetch(`${operationsUrl}/metrics`)).text();
    const names = [
      'connections gauge',
      'connects_total counter',
      'disconnects_total counter',
      'recoveries_total counter',
      'messages_received_total counter',
      'messages_published_total counter',
      'messages_delivered_total counter',
      'publish_duration_seconds histogram',
      'delivery_delay_seconds histogram',
      'refusals_total counter',
      'slow_consumers_total counter',
      'redis_up gauge',
      'redis_reconnects_total counter',
      'catch_up_messages_total counter',
      'draining gauge',
      'rooms gauge',
      'background_failures_total counter',
      'limits_reached_total counter',
      'unreadable_total counter',
    ];
    for (const name of names) expect(text).toContain(`# TYPE mooring_${name}\n`);
    expect(text).toContain('process_cpu_seconds_total');
  });

  it('counts connections by transport, through the upgrade and to the end', async () => {
    const service = await startApp();
    const client = await connected(service.connect('alice', { transports: ['polling'] }));
    const upgraded = await connected(service.connect('bob'));
    const open = async () => {
      const connections = await samples(service.operationsUrl, 'connections');
      const of = (transport: string) => connections[`namespace="/",transport="${transport}"`];
      return [of('polling'), of('websocket')];
    };
    await until('one is upgraded', async () => String(await open()) === '1,1');
    await client.emitWithAck('join_room', 'lobby');
    client.disconnect();
    await upgraded.emitWithAck('join_room', 'other');
    await until('one has left', async () => String(await open()) === '0,1');
    expect(await samples(service.operationsUrl, 'disconnects_total')).toMatchObject({
      'reason="client_namespace_disconnect"': 1,
    });
  });
});

describe('POST /v1/publish', () => {
  it('reaches users, rooms and everyone, each client once', async () => {
    const service = await startApp();
    const alice = await connected(service.connect('alice'));
    const bob = await connected(service.connect('bob'));
    await bob.emitWithAck('join_room', 'lobby');
    const seen: unknown[] = [];
    for (const client of [alice, bob]) {
      client.on('notification', ({ n }) => seen.push([client === alice ? 'alice' : 'bob', n]));
    }
    const send = (target: object, n: number) =>
      publish(service.operationsUrl, { ...target, event: 'notification', data: { n } });
    expect((await send({ users: ['alice'] }, 1)).status).toBe(202);
    expect((await send({ rooms: ['lobby'] }, 2)).status).toBe(202);
    expect((await send({ users: ['bob'], rooms: ['lobby'] }, 3)).status).toBe(202);
    const last = next(bob, 'notification').then(() => next(bob, 'notification'));
    const all = next(alice, 'notification').then(() => next(alice, 'notification'));
    await send({ everyone: true }, 4);
    await send({ everyone: true }, 5);
    await Promise.all([last, all]);
    const of = (name: string) =>
      seen.flatMap((entry) => {
        const [who, n] = entry as [string, number];
        return who === name ? [n] : [];
      });
    expect(of('alice')).toEqual([1, 4, 5]);
    expect(of('bob')).toEqual([2, 3, 4, 5]);
  });

  it('delivers the same id once, and refuses it with another content', async () => {
    const service = await startApp();
    const alice = await connected(service.connect('alice'));
    const seen: unknown[] = [];
    alice.on('paid', (data) => seen.push(data));
    const body = { users: ['alice'], event: 'paid', data: 1, id: 'order-7' };
    const first = await publish(service.operationsUrl, body);
    const again = await publish(service.operationsUrl, body);
    expect([first.status, again.status]).toEqual([202, 202]);
    expect(await again.json()).toEqual(await first.json());
    for (const other of [{ event: 'refunded' }, { data: 2 }, { users: ['bob'] }]) {
      const refused = await publish(service.operationsUrl, { ...body, ...other });
      expect(refused.status).toBe(409);
      expect(await refused.json()).toMatchObject({ code: 'id_in_use' });
    }
    const reordered = { ...body, id: 'order-8', users: ['alice', 'bob'], data: { a: 1, b: 2 } };
    const same = { ...reordered, users: ['bob', 'alice'], data: { b: 2, a: 1 } };
    const answers = [reordered, same].map((one) => publish(service.operationsUrl, one));
    expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([202, 202]);
    const end = next(alice, 'end');
    await publish(service.operationsUrl, { users: ['alice'], event: 'end', data: null });
    await end;
    expect(seen).toEqual([1, { a: 1, b: 2 }]);
  });

  it.each([
    ['no target', { event: 'x', data: 1 }, '/rooms'],
    ['everyone and users', { everyone: true, users: ['a'], event: 'x', data: 1 }, '/rooms'],
    ['no event', { users: ['a'], data: 1 }, '/event'],
    ['a reserved event', { users: ['a'], event: 'disconnect', data: 1 }, '/event'],
    ['no data', { users: ['a'], event: 'x' }, '/data'],
    ['a name that is none', { users: ['a\nb'], event: 'x', data: 1 }, '/users/0'],
    ['an unknown member', { users: ['a'], event: 'x', data: 1, more: 1 }, '/'],
    ['no JSON', '{', '/'],
  ])('refuses %s with a pointer to it', async (_, body, pointer) => {
    const { operationsUrl } = await startApp();
    const response = await publish(operationsUrl, body);
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    const { status, errors } = (await response.json()) as {
      status: number;
      errors: { pointer: string }[];
    };
    expect(status).toBe(400);
    expect(errors.map(({ pointer }) => pointer)).toContain(pointer);
  });

  it('survives data that is nested too deeply or too large', async () => {
    const service = await startApp();
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    const answer = await publish(
      service.operationsUrl,
      `{"users":["a"],"event":"x","data":${deep}}`,
    );
    expect(answer.status).toBe(400);
    const large = await publish(service.operationsUrl, 'x'.repeat(2 * 1024 * 1024));
    expect(large.status).toBe(413);
    expect((await fetch(`${service.operationsUrl}/healthz`)).status).toBe(200);
  });

  it('is disabled without API_KEY and API_KEYS', async () => {
    const closed = await startApp({ API_KEY: '' });
    expect((await publish(closed.operationsUrl, {})).status).toBe(403);
  });
});
