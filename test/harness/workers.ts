// A service that is a primary with two workers, both ready.
import { startRedis } from './redis.ts';
import { apiKey, startProcess, until, untilReady } from './service.ts';

export async function startWorkers(env: Record<string, string> = {}) {
  const redis = await startRedis();
  const service = await startProcess({ REDIS_URL: redis.url, WORKERS: '2', ...env });
  await untilReady(service.operationsUrl);
  await until('both workers are ready', async () => {
    const headers = { Authorization: `Bearer ${apiKey}` };
    const answer = await fetch(`${service.operationsUrl}/v1/pods`, { headers });
    const { pods = [] } = (await answer.json()) as { pods?: { processesReady: number }[] };
    return pods[0]?.processesReady === 2;
  });
  return service;
}

/** The status that a handshake is answered with, 0 when its connection is closed. */
export const handshake = (url: string): Promise<number> =>
  fetch(`${url}/socket.io/?EIO=4&transport=polling`).then(
    ({ status }) => status,
    () => 0,
  );
