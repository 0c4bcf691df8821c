// One suite for both implementations of presence, and what several processes do to it.
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../service/config/schema.ts';
import { createMemoryPresence } from '../../service/stores/memory/presence.ts';
import { openRedis, redisClient } from '../../service/stores/redis/connection.ts';
import { createRedisPresence, presenceNeeds } from '../../service/stores/redis/presence.ts';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { startRedis } from '../harness/redis.ts';
import { secret, until } from '../harness/service.ts';

const ignore = () => {};

async function redis() {
  const { url } = await startRedis();
  const client = redisClient([url], parseConfig({ JWT_SECRET: secret }));
  const opened = openRedis(client, [presenceNeeds], createMetrics(), ignore, ignore);
  await opened.ready();
  onTestFinished(opened.close);
  return opened;
}

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
    const gone = createRedisPresence(shared, 'gone', 1_000);
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
