// A real Redis of the test's own, with append-only file, that can be killed and started again.
import { createClient } from '@redis/client';
import { onTestFinished } from 'vitest';
import { launchRedis } from './processes.ts';

/** @param further settings of redis.conf, over those of the test's own */
export async function startRedis(further: Record<string, string> = {}) {
  const redis = await launchRedis(further);
  onTestFinished(redis.stop);
  /** As an administrator. */
  const command = async (...args: string[]) => {
    const { requirepass: password } = further;
    const client = await createClient({ url: redis.url, ...(password && { password }) }).connect();
    return client.sendCommand(args).finally(() => client.destroy());
  };
  return { ...redis, command };
}
