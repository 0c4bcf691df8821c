// Joins and leaves of an application module that does not wait for one before the next.
import { expect, it } from 'vitest';
import { get } from '../harness/backend.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, startApp, untilReady } from '../harness/service.ts';

it('a join right after a leave is not undone by it', async () => {
  const { url: REDIS_URL } = await startRedis();
  const service = await startApp({ REDIS_URL, APPLICATION: 'test/chaos/application.ts' });
  await untilReady(service.operationsUrl);
  const client = await connected(service.connect('alice'));
  const ask = (event: string, value: unknown = 'r1') => client.emitWithAck(event, value);
  await ask('join');
  for (let round = 0; round < 5; round += 1) {
    expect(await Promise.all([ask('leave'), ask('join')])).toEqual([{ ok: true }, { ok: true }]);
    expect(await ask('rooms', null)).toEqual({ ok: true, rooms: ['r1'] });
    const { body } = await get(service.operationsUrl, 'rooms/r1/presence');
    expect(body).toMatchObject({ members: ['alice'] });
  }
});
