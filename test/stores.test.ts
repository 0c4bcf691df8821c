// One suite for both implementations of each store.
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createMetrics } from '../service/metrics.ts';
import { createMemoryHistory } from '../service/stores/history.memory.ts';
import { createRedisHistory } from '../service/stores/history.redis.ts';
import { createMemoryPresence } from '../service/stores/presence.memory.ts';
import { createRedisPresence } from '../service/stores/presence.redis.ts';
import { openRedis } from '../service/stores/redis.ts';
import { startRedis } from './harness/redis.ts';
import { until } from './harness/service.ts';

async function redis() {
  const { url } = await startRedis();
  const opened = openRedis(url, createMetrics(), () => {});
  await opened.ready;
  onTestFinished(opened.close);
  return opened;
}

const histories = {
  memory: async (limits: { messagesMax: number; msMax: number }) => createMemoryHistory(limits),
  redis: async (limits: { messagesMax: number; msMax: number }) =>
    createRedisHistory(await redis(), limits),
};

describe.each(Object.entries(histories))('history in %s', (_, create) => {
  const limits = { messagesMax: 5, msMax: 60_000 };
  const draft = (text: string, id?: string) => ({ roomId: 'r', userId: 'alice', text, id });
  const texts = ({ messages }: { messages: { text: string }[] }) => messages.map((m) => m.text);

  it('keeps the newest messages of each room, oldest first', async () => {
    const history = await create(limits);
    for (const text of ['1', '2', '3', '4', '5', '6']) await history.append(draft(text));
    await history.append({ ...draft('other'), roomId: 'another' });
    const all = await history.read('r', { limit: 10 });
    expect(texts(all)).toEqual(['2', '3', '4', '5', '6']);
    expect(all.more).toBe(false);
    expect(texts(await history.read('nobody', { limit: 10 }))).toEqual([]);
  });

  it('pages backwards by id and by time', async () => {
    const history = await create(limits);
    for (const text of ['1', '2', '3', '4']) {
      await history.append(draft(text, text));
      await sleep(2); // so that each has a millisecond of its own
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
    const history = await create(limits);
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
    const history = await create(limits);
    for (const text of ['a', 'b', 'c']) await history.append(draft(text.repeat(200_000)));
    const page = await history.read('r', { limit: 5 });
    expect([page.messages.length, page.more]).toEqual([2, true]);
  });

  it('forgets messages that are too old', async () => {
    const history = await create({ messagesMax: 5, msMax: 100 });
    await history.append(draft('old'));
    await sleep(60);
    await history.append(draft('new'));
    await sleep(60);
    expect(texts(await history.read('r', { limit: 9 }))).toEqual(['new']);
  });

  it('stores the same id of the same user once, and answers with the first result', async () => {
    const history = await create(limits);
    const first = await history.append(draft('one', 'a'));
    expect(first).toMatchObject({ first: true, message: { id: 'a', text: 'one' } });
    const again = await history.append(draft('two', 'a'));
    expect(again).toEqual({ first: false, message: first.message });
    const other = await history.append({ ...draft('three', 'a'), userId: 'bob' });
    expect(other.first).toBe(true);
    expect(texts(await history.read('r', { limit: 9 }))).toEqual(['one', 'three']);
  });

  it('does not confuse users and ids that read the same together', async () => {
    const history = await create(limits);
    await history.append({ roomId: 'r', userId: 'a:b', text: 'x', id: 'c' });
    const other = await history.append({ roomId: 'r', userId: 'a', text: 'y', id: 'b:c' });
    expect(other.first).toBe(true);
  });

  it('gives an idempotency key to one request at a time', async () => {
    const history = await create(limits);
    expect(await history.begin('k')).toBe('new');
    expect(await history.begin('k')).toBe('pending');
    await history.finish('k');
    expect(await history.begin('k')).toBe('done');
    expect(await history.begin('other')).toBe('new');
  });
});

const presences = {
  memory: async () => createMemoryPresence(),
  redis: async () => createRedisPresence(await redis(), 'p1', 60_000),
};

describe.each(Object.entries(presences))('presence in %s', (_, create) => {
  it('counts sockets and shows users', async () => {
    const presence = await create();
    await presence.enter('r', 'alice');
    await presence.enter('r', 'alice');
    await presence.enter('r', 'bob');
    expect((await presence.members('r')).sort()).toEqual(['alice', 'bob']);
    expect(await presence.leave('r', 'alice')).toBe(false);
    expect(await presence.leave('r', 'alice')).toBe(true);
    expect(await presence.leave('r', 'alice')).toBe(false);
    expect(await presence.members('r')).toEqual(['bob']);
    expect(await presence.members('empty')).toEqual([]);
    expect(await presence.sweep()).toEqual([]);
  });
});

describe('presence over several processes', () => {
  it('takes back what a process left behind when it is gone, and says who has left', async () => {
    const shared = await redis();
    const gone = createRedisPresence(shared, 'gone', 100);
    const here = createRedisPresence(shared, 'here', 60_000);
    await gone.sweep();
    for (const user of ['alice', 'alice', 'bob']) await gone.enter('r', user);
    await here.enter('r', 'bob');
    expect(await here.sweep()).toEqual([]);
    const left: unknown[] = [];
    await until('alice is taken back', async () => {
      left.push(...(await here.sweep()));
      return left.length > 0;
    });
    expect(left).toEqual([{ roomId: 'r', userId: 'alice' }]);
    expect(await here.members('r')).toEqual(['bob']);
  });

  it('is right again after Redis has lost everything', async () => {
    const shared = await redis();
    const presence = createRedisPresence(shared, 'here', 60_000);
    await presence.sweep();
    for (const user of ['alice', 'bob']) await presence.enter('r', user);
    await shared.run((client) => client.flushAll());
    expect(await presence.leave('r', 'alice')).toBe(true);
    await presence.sweep();
    expect(await presence.members('r')).toEqual(['bob']);
    expect(await presence.leave('r', 'bob')).toBe(true);
    expect(await presence.members('r')).toEqual([]);
  });

  it('is written again by a process that was frozen and taken for gone', async () => {
    const shared = await redis();
    const frozen = createRedisPresence(shared, 'frozen', 50);
    const here = createRedisPresence(shared, 'here', 60_000);
    await frozen.sweep();
    await frozen.enter('r', 'alice');
    await until('it is taken for gone', async () => {
      await here.sweep();
      return (await here.members('r')).length === 0;
    });
    await here.sweep();
    await frozen.sweep();
    expect(await here.members('r')).toEqual(['alice']);
  });
});
