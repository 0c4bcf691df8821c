// A backend: its requests to the operations port, and the replicas that answer them.
import { startRedis } from './redis.ts';
import { apiKey, startApp, untilReady } from './service.ts';

const headers = { Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json' };

/** Some of what the API may answer. */
export interface Body {
  pods?: { processesReady: number }[];
  sockets: object[];
  before: number;
  errors: { pointer: string }[];
}

export async function post(operationsUrl: string, path: string, body: object) {
  const options = { method: 'POST', headers, body: JSON.stringify(body) };
  const response = await fetch(`${operationsUrl}/v1/${path}`, options);
  return { status: response.status, body: (await response.json()) as Body };
}

export async function get(operationsUrl: string, path: string) {
  const response = await fetch(`${operationsUrl}/v1/${path}`, { headers });
  return { status: response.status, body: (await response.json()) as Body };
}

async function memory() {
  const service = await startApp();
  return [service, service] as const;
}

async function redis() {
  const { url } = await startRedis();
  const start = async (POD_NAME: string) => {
    const service = await startApp({ REDIS_URL: url, POD_NAME });
    await untilReady(service.operationsUrl);
    return service;
  };
  return Promise.all([start('a'), start('b')]);
}

/** Two ways to reach the same users: one process twice, and two replicas. */
export const deployments = [
  ['in memory', memory],
  ['with Redis and two replicas', redis],
] as const;
