// POST /v1/publish/batch: several messages with one request.
import { describe, expect, it } from 'vitest';
import { deployments, post } from '../harness/backend.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, next, startApp, until, untilReady } from '../harness/service.ts';

const readersKey = 'a-key-that-may-only-read';

const to = (user: string, n: number, more: object = {}) => ({
  users: [user],
  event: 'news',
  data: { n },
  ...more,
});

describe.each(deployments)('a batch of messages %s', (_, start) => {
  it('is published in order, and each message has an id', async () => {
    const [one, two] = await start();
    const alice = await connected(two.connect('alice'));
    const seen: number[] = [];
    alice.on('news', ({ n }) => seen.push(n));
    const messages = Array.from({ length: 150 }, (_, n) => to('alice', n));
    const { status, body } = await post(one.operationsUrl, 'publish/batch', { messages });
    expect(status).toBe(202);
    const ids = new Set(
      (body as unknown as { results: { id: string }[] }).results.map(({ id }) => id),
    );
    expect(ids.size).toBe(150);
    await until('all arrive', () => seen.length === 150);
    expect(seen).toEqual(messages.map(({ data }) => data.n));
  });

  it('delivers the message of each idempotency key once', async () => {
    const [one, two] = await start();
    const alice = await connected(two.connect('alice'));
    const seen: number[] = [];
    alice.on('news', ({ n }) => seen.push(n));
    const messages = [1, 1, 2].map((n) => to('alice', n, { id: `id-${n}` }));
    for (const { operationsUrl } of [one, two]) {
      const { body } = await post(operationsUrl, 'publish/batch', { messages });
      expect(body).toEqual({ results: [{ id: 'id-1' }, { id: 'id-1' }, { id: 'id-2' }] });
    }
    const other = { messages: [to('alice', 3), to('alice', 4, { id: 'id-1' })] };
    expect((await post(one.operationsUrl, 'publish/batch', other)).body).toEqual({
      results: [{ id: expect.any(String) }, expect.objectContaining({ status: 409 })],
    });
    const last = next(alice, 'last');
    await post(one.operationsUrl, 'publish', { users: ['alice'], event: 'last', data: 0 });
    await last;
    expect(seen).toEqual([1, 2, 3]);
  });
});

const refused = (errors: unknown[]) => expect.objectContaining({ status: 400, errors });

describe('a batch of messages', () => {
  it('is published except what is invalid, with a pointer to it', async () => {
    const service = await startApp({ LOG_LEVEL: 'info' });
    const alice = await connected(service.connect('alice'));
    const news = next(alice, 'news');
    const messages = [{ users: ['alice'], event: 'news' }, to('alice', 1, { id: 'a' }), 7];
    const { status, body } = await post(service.operationsUrl, 'publish/batch', { messages });
    expect(status).toBe(202);
    expect(body).toEqual({
      results: [
        refused([expect.objectContaining({ pointer: '/messages/0/data' })]),
        { id: 'a' },
        refused([expect.objectContaining({ pointer: '/messages/2' })]),
      ],
    });
    expect((await news)[0]).toEqual({ n: 1 });
    expect(service.logged).toContainEqual(
      expect.objectContaining({
        audit: true,
        apiKey: 'api_key',
        changes: { messages: 3, events: ['news', null] },
      }),
    );
  });

  it.each([
    [{ messages: [] }, '/messages'],
    [{ messages: [{ event: 'news' }, { event: 'news' }] }, '/messages/1/data'],
    [{ messages: Array(1_001).fill(to('alice', 1)) }, '/messages'],
    [{ messages: [to('alice', 1)], event: 'news' }, '/'],
  ])('is refused as a whole if nothing in it is valid (%#)', async (body, pointer) => {
    const { operationsUrl } = await startApp();
    const answer = await post(operationsUrl, 'publish/batch', body);
    expect(answer.status).toBe(400);
    expect(answer.body.errors.map((error) => error.pointer)).toContain(pointer);
  });

  it('needs the scope publish', async () => {
    const { operationsUrl } = await startApp({ API_KEYS: `reader:read:${readersKey}` });
    const response = await fetch(`${operationsUrl}/v1/publish/batch`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${readersKey}` },
      body: JSON.stringify({ messages: [to('alice', 1)] }),
    });
    expect(response.status).toBe(403);
  });

  it('counts each message for the limit of the key', async () => {
    const { operationsUrl } = await startApp({ PUBLISHES_PER_SECOND_MAX: '1' });
    const messages = Array.from({ length: 50 }, (_, n) => to('alice', n));
    const { status, body } = await post(operationsUrl, 'publish/batch', { messages });
    const { results } = body as unknown as { results: { status?: number; id?: string }[] };
    expect(status).toBe(202);
    const accepted = results.filter(({ id }) => id);
    expect(accepted.length).toBeGreaterThanOrEqual(5); // a burst
    const limited = results.filter((result) => result.status === 429);
    expect(limited.length).toBeGreaterThan(0);
    expect(accepted.length + limited.length).toBe(messages.length);
  });

  it('is answered with 503 while Redis is unavailable', async () => {
    const redis = await startRedis();
    const { operationsUrl } = await startApp({ REDIS_URL: redis.url });
    await untilReady(operationsUrl);
    await redis.kill();
    const messages = [to('alice', 1, { id: 'a' })];
    expect(await post(operationsUrl, 'publish/batch', { messages })).toMatchObject({
      status: 503,
      body: { retryable: true },
    });
  });

  it('goes to Redis in one script call for each 64 messages', async () => {
    const redis = await startRedis();
    const { operationsUrl } = await startApp({ REDIS_URL: redis.url });
    await untilReady(operationsUrl);
    const publish = (messages: object[]) => post(operationsUrl, 'publish/batch', { messages });
    await publish([to('alice', 0)]); // so that the server has the script
    const calls = async () => {
      const stats = String(await redis.command('INFO', 'commandstats'));
      return Number(/cmdstat_evalsha:calls=(\d+)/.exec(stats)?.[1] ?? 0);
    };
    const callsOf = async (messages: object[]) => {
      const before = await calls();
      await publish(messages);
      return (await calls()) - before;
    };
    const idle = await callsOf([]); // heartbeats, at most
    const messages = Array.from({ length: 128 }, (_, n) => to(`user-${n}`, n));
    expect(await callsOf(messages)).toBeLessThanOrEqual(2 + idle + 4);
  });
});
