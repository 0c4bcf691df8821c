// A real Redis of the test's own, with append-only file, that can be killed and started again.
import { createClient } from '@redis/client';
import { onTestFinished } from 'vitest';
import { type Env, launchRedis, until } from './processes.ts';

type Redis = Awaited<ReturnType<typeof startRedis>>;

/** Resolves when a replica has what its master has now. */
export async function untilReplicated(master: Redis, replica: Redis): Promise<void> {
  const offsetOf = async (redis: Redis, name: string) => {
    const info = String(await redis.command('INFO', 'replication'));
    return Number(new RegExp(`${name}:(\\d+)`).exec(info)?.[1]);
  };
  const offset = await offsetOf(master, 'master_repl_offset');
  await until('the replica has it', async () => {
    return (await offsetOf(replica, 'slave_repl_offset')) >= offset;
  });
}

/**
 * @param further settings of redis.conf, over those of the test's own
 * @param env added to its environment
 */
export async function startRedis(further: Record<string, string> = {}, env?: Env) {
  const redis = await launchRedis(further, env);
  onTestFinished(redis.stop);
  /** As an administrator. */
  const command = async (...args: string[]) => {
    const { requirepass: password } = further;
    const client = await createClient({ url: redis.url, ...(password && { password }) }).connect();
    return client.sendCommand(args).finally(() => client.destroy());
  };
  return { ...redis, command };
}
