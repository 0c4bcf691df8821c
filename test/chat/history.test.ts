// One suite for the history of both modes.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../service/config/schema.ts';
import type { Draft } from '../../service/stores/history.ts';
import { openStores } from '../../service/stores/open.ts';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { startRedis } from '../harness/redis.ts';
import { secret, until } from '../harness/service.ts';

/** The stores of a server that listens nowhere, in memory or in a Redis. */
async function history(variables: Record<string, string>) {
  const config = parseConfig({ JWT_SECRET: secret, ...variables });
  const identify = async () => ({ ok: false }) as const;
  const stores = openStores({ config, identify, metrics: createMetrics(), report() {} });
  const connectionStateRecovery = {};
  const io = new Server(createServer(), {
    adapter: stores.broadcast.adapter,
    connectionStateRecovery,
  });
  await stores.ready();
  onTestFinished(async () => {
    await io.close();
    await stores.close();
  });
  const publish = (draft: Draft) => stores.history.publish(io.to('room'), 'new_message', draft);
  const append = async (draft: Draft) => {
    const { ok, ...published } = await publish(draft);
    if (!('message' in published)) throw new Error('the id was used for another message');
    return published;
  };
  return { publish, append, read: stores.history.read };
}

const modes = {
  memory: async () => ({}),
  redis: async () => ({ REDIS_URL: (await startRedis()).url }),
};

it('an idempotency key in Redis takes the same memory for a message of any size', async () => {
  const redis = await startRedis();
  const { append } = await history({ REDIS_URL: redis.url });
  await append({ roomId: 'r', userId: 'alice', text: 'x'.repeat(100_000), id: 'large' });
  const kept = await redis.command('STRLEN', 'mooring:sent:5:alice:large');
  expect(Number(kept)).toBeGreaterThan(0);
  expect(Number(kept)).toBeLessThan(100);
});

describe.each(Object.entries(modes))('history in %s', (_, mode) => {
  const create = async (messagesMax = 5, msMax = 60_000) =>
    history({
      ...(await mode()),
      HISTORY_MESSAGES_MAX: `${messagesMax}`,
      HISTORY_MS_MAX: `${msMax}`,
    });
  const draft = (text: string, id?: string) => ({ roomId: 'r', userId: 'alice', text, id });
  const texts = ({ messages }: { messages: { text: string }[] }) => messages.map((m) => m.text);

  it('keeps the newest messages of each room, oldest first', async () => {
    const history = await create();
    for (const text of ['1', '2', '3', '4', '5', '6']) await history.append(draft(text));
    await history.append({ ...draft('other'), roomId: 'another' });
    const all = await history.read('r', { limit: 10 });
    expect(texts(all)).toEqual(['2', '3', '4', '5', '6']);
    expect(all.more).toBe(false);
    expect(texts(await history.read('nobody', { limit: 10 }))).toEqual([]);
  });

  it('pages backwards by id and by time', async () => {
    const history = await create();
    for (const text of ['1', '2', '3', '4']) {
      const { message } = await history.append(draft(text, text));
      await until('the next one has another millisecond', () => Date.now() > message.at + 1);
    }
    const last = await history.read('r', { limit: 2 });
    expect([texts(last), last.more]).toEqual([['3', '4'], true]);
    const byId = await history.read('r', { limit: 2, before: '3' });
    expect([texts(byId), byId.more]).toEqual([['1', '2'], false]);
    const byTime = await history.read('r', { limit: 9, before: last.messages[1]?.at ?? 0 });
    expect(texts(byTime)).toEqual(['1', '2', '3']);
    expect(texts(await history.read('r', { limit: 9, before: 'unknown' }))).toEqual([]);
    expect(texts(await history.read('r', { limit: 9, before: 0 }))).toEqual([]);
  });

  it('comes to an end of its pages, also where users chose the same id', async () => {
    const history = await create();
    for (const [userId, id] of [
      ['a', '1'],
      ['a', '2'],
      ['b', '1'],
      ['b', '2'],
    ] as const) {
      await history.append({ roomId: 'r', userId, text: `${userId}${id}`, id });
    }
    const page = await history.read('r', { limit: 2, before: '2' });
    expect([texts(page), page.more]).toEqual([['a1'], false]);
  });

  it('answers no more at once than a client can take, and says that there is more', async () => {
    const history = await create();
    for (const text of ['a', 'b', 'c']) await history.append(draft(text.repeat(200_000)));
    const page = await history.read('r', { limit: 5 });
    expect([page.messages.length, page.more]).toEqual([2, true]);
  });

  it('forgets messages that are too old', async () => {
    const history = await create(1_000, 500);
    await history.append(draft('old'));
    let kept = ['old'];
    await until('the old one is forgotten', async () => {
      await history.append(draft('new'));
      kept = texts(await history.read('r', { limit: 100 }));
      return !kept.includes('old');
    });
    expect(kept).toContain('new');
  });

  it('stores the same id of the same user once, and answers with the first result', async () => {
    const history = await create();
    const first = await history.append(draft('one', 'a'));
    expect(first).toMatchObject({ first: true, message: { id: 'a', text: 'one' } });
    const again = await history.append(draft('one', 'a'));
    expect(again).toEqual({ first: false, message: first.message });
    expect(await history.publish(draft('two', 'a'))).toEqual({ ok: false });
    const elsewhere = { ...draft('one', 'a'), roomId: 'another' };
    expect(await history.publish(elsewhere)).toEqual({ ok: false });
    const other = await history.append({ ...draft('three', 'a'), userId: 'bob' });
    expect(other.first).toBe(true);
    expect(texts(await history.read('r', { limit: 9 }))).toEqual(['one', 'three']);
  });

  it('does not confuse users and ids that read the same together', async () => {
    const history = await create();
    await history.append({ roomId: 'r', userId: 'a:b', text: 'x', id: 'c' });
    const other = await history.append({ roomId: 'r', userId: 'a', text: 'y', id: 'b:c' });
    expect(other.first).toBe(true);
  });
});
