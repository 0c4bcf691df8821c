// The adapter on each of its engines.
import { createClient } from '@redis/client';
import { startRedis } from '../../../test/harness/redis.ts';
import { createAdapter, createMemoryAdapter } from '../index.ts';

/** For `describe.each`: the name of the engine, and what creates an adapter on a new one. */
export const kinds: [string, () => Promise<ReturnType<typeof createAdapter>>][] = [
  [
    'Redis',
    async () => {
      const { url } = await startRedis();
      return createAdapter(createClient({ url }), { observer: {} });
    },
  ],
  ['memory', async () => createMemoryAdapter({ observer: {} })],
];
