// A service that is a primary with two workers, both ready.
import { afterAll, beforeAll } from 'vitest';
import { launchRedis, launchService } from './processes.ts';
import { startRedis } from './redis.ts';
import { apiKey, connectorOf, startProcess, until, untilReady } from './service.ts';

export async function startWorkers(env: Record<string, string> = {}, msMax?: number) {
  const redis = await startRedis();
  const service = await startProcess({ REDIS_URL: redis.url, WORKERS: '2', ...env });
  await untilBothReady(service.operationsUrl, msMax);
  return service;
}

/** One for all tests of a file, or of a `describe`, that leave it as it was. */
export function shareWorkers(env: Record<string, string> = {}) {
  let redis: Awaited<ReturnType<typeof launchRedis>>;
  let service: Awaited<ReturnType<typeof launchService>>;
  beforeAll(async () => {
    redis = await launchRedis();
    service = await launchService({ REDIS_URL: redis.url, WORKERS: '2', ...env });
    await untilBothReady(service.operationsUrl);
  }, 60_000);
  afterAll(() => {
    service?.child.kill('SIGKILL');
    redis?.stop();
  });
  return () => ({ ...service, connect: connectorOf(service.url) });
}

/** Each of them knows that both are. */
async function untilBothReady(operationsUrl: string, msMax?: number): Promise<void> {
  await untilReady(operationsUrl, msMax);
  const headers = { Authorization: `Bearer ${apiKey}` };
  const processesReady = async () => {
    const answer = await fetch(`${operationsUrl}/v1/pods`, { headers });
    const { pods = [] } = (await answer.json()) as { pods?: { processesReady: number }[] };
    return pods[0]?.processesReady;
  };
  await until(
    'both workers are ready',
    async () => {
      // They answer in turn.
      const answers = await Promise.all(Array.from({ length: 4 }, processesReady));
      return answers.every((count) => count === 2);
    },
    msMax,
  );
}

/** The status that a handshake is answered with, 0 when its connection is closed. */
export const handshake = (url: string): Promise<number> =>
  fetch(`${url}/socket.io/?EIO=4&transport=polling`).then(
    ({ status }) => status,
    () => 0,
  );
