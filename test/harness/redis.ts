// A real Redis of the test's own, with append-only file, that can be killed and started again.
import { onTestFinished } from 'vitest';
import { launchRedis } from './processes.ts';

export async function startRedis() {
  const redis = await launchRedis();
  onTestFinished(redis.stop);
  return redis;
}
