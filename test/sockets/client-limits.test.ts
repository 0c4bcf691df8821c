// Limits per client address, per user and per API key, each reached on a real service.

import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { apiKey, connected, next, samples, startApp, until } from '../harness/service.ts';

const path = '/socket.io/?EIO=4&transport=polling';
const from = (address: string) => ({ headers: { 'X-Forwarded-For': address } });
const handshake = (url: string, address: string) => fetch(url + path, from(address));

function openWebSocket(url: string, address: string): Promise<number> {
  const target = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const socket = new WebSocket(target, from(address));
  onTestFinished(() => socket.terminate());
  return new Promise((resolve) => {
    socket.once('open', () => resolve(101));
    socket.once('unexpected-response', (_, { statusCode = 0 }) => resolve(statusCode));
    socket.on('error', () => {});
  });
}

describe('one client address', () => {
  it('has a number of connections, over any transport, until some close', async () => {
    const service = await startApp({ CONNECTIONS_PER_ADDRESS_MAX: '2' });
    const alice = service.connect('alice', {
      transports: ['websocket'],
      extraHeaders: { 'X-Forwarded-For': '203.0.113.7' },
    });
    await connected(alice);
    expect((await handshake(service.url, '203.0.113.7')).status).toBe(200);
    const refused = await handshake(service.url, '203.0.113.7');
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([429, '1']);
    expect(await openWebSocket(service.url, '203.0.113.7')).toBe(429);
    expect(await openWebSocket(service.url, '203.0.113.8')).toBe(101);
    const codes = await samples(service.operationsUrl, 'refusals_total');
    expect(codes['code="address_connections"']).toBe(2);
    alice.disconnect();
    await until('it counts no more', async () => {
      return (await handshake(service.url, '203.0.113.7')).status === 200;
    });
  });

  it('of IPv6 is the network that a customer gets', async () => {
    const service = await startApp({ CONNECTIONS_PER_ADDRESS_MAX: '1' });
    const statuses: number[] = [];
    for (const address of ['2001:db8:0:7::1', '2001:db8:0:7:9::2', '2001:db8:0:8::1', '2001:db8::'])
      statuses.push((await handshake(service.url, address)).status);
    expect(statuses).toEqual([200, 429, 200, 200]);
  });

  it('opens so many sessions per second, and others are not concerned', async () => {
    const service = await startApp({ HANDSHAKES_PER_SECOND_PER_ADDRESS_MAX: '2' });
    const all = await Promise.all(
      Array.from({ length: 40 }, () => handshake(service.url, '203.0.113.7')),
    );
    const statuses = all.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(10);
    expect(statuses).toContain(429);
    expect((await handshake(service.url, '203.0.113.8')).status).toBe(200);
    const codes = await samples(service.operationsUrl, 'refusals_total');
    expect(codes['code="address_handshakes"']).toBeGreaterThan(0);
  });

  it('that a proxy does not tell is not limited', async () => {
    const one = { CONNECTIONS_PER_ADDRESS_MAX: '1', HANDSHAKES_PER_SECOND_PER_ADDRESS_MAX: '1' };
    const service = await startApp(one);
    const all = await Promise.all(Array.from({ length: 10 }, () => fetch(service.url + path)));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200]));
  });
});

describe('one user', () => {
  it('has a number of connections to a namespace, until one closes', async () => {
    const service = await startApp({ CONNECTIONS_PER_USER_MAX: '2' });
    const first = await connected(service.connect('alice'));
    await connected(service.connect('alice'));
    const [error] = await next(service.connect('alice'), 'connect_error');
    expect((error as { data: object }).data).toEqual({
      code: 'too_many_connections',
      retryable: true,
    });
    await connected(service.connect('bob'));
    first.disconnect();
    await until('one is left', () => service.app.io.of('/').sockets.size === 2);
    await connected(service.connect('alice'));
    const codes = await samples(service.operationsUrl, 'refusals_total');
    expect(codes['code="too_many_connections"']).toBe(1);
  });

  it('recovers a lost connection although there is no room for another', async () => {
    const service = await startApp({ CONNECTIONS_PER_USER_MAX: '1' });
    const alice = await connected(service.connect('alice', { transports: ['websocket'] }));
    const back = next(alice, 'connect');
    alice.io.engine.close();
    await back;
    expect(alice.recovered).toBe(true);
  });
});

describe('one API key', () => {
  it('publishes so often per second, and other keys are not concerned', async () => {
    const other = 'key-of-another-0123456789';
    const service = await startApp({
      PUBLISHES_PER_SECOND_MAX: '2',
      API_KEYS: `other:publish:${other}`,
    });
    const publish = (key: string) =>
      fetch(`${service.operationsUrl}/v1/publish`, {
        method: 'POST',
        headers: { Authorization: `Bearer ${key}` },
        body: JSON.stringify({ everyone: true, event: 'news', data: 1 }),
      });
    const all = await Promise.all(Array.from({ length: 40 }, () => publish(apiKey)));
    const accepted = all.filter(({ status }) => status === 202);
    expect(accepted.length).toBeGreaterThanOrEqual(10);
    const refused = all.find(({ status }) => status === 429);
    expect(refused?.headers.get('retry-after')).toBe('1');
    expect(await refused?.json()).toMatchObject({ code: 'rate_limited', retryable: true });
    expect((await publish(other)).status).toBe(202);
    const counts = await samples(service.operationsUrl, 'api_requests_total');
    expect(counts['key="api_key",status="429"']).toBe(40 - accepted.length);
    const read = await fetch(`${service.operationsUrl}/v1/pods`, {
      headers: { Authorization: `Bearer ${apiKey}` },
    });
    expect(read.status).toBe(200);
  });
});
