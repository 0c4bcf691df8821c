// The servers that are compared, each as its users run it, and what is known of their processes.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { freePort } from '../redis.ts';
import type { ProtocolName } from './protocols.ts';

export const jwtSecret = 'a secret for the benchmark, and nothing else';
export const apiKey = 'a key for the benchmark';

export interface Contestant {
  name: string;
  protocol: ProtocolName;
  /** What Node.js runs, in `cwd`. */
  file: string;
  cwd?: string;
  env?: Record<string, string>;
  usesRedis?: boolean;
  /** The route of the backend, if there is one. */
  publishPath?: string;
  batchPath?: string;
}

const here = (name: string) => fileURLToPath(new URL(name, import.meta.url));

const mooring = {
  protocol: 'socket.io',
  file: 'service/main.js',
  publishPath: '/v1/publish',
  batchPath: '/v1/publish/batch',
  env: {
    APPLICATION: here('application.mjs'),
    LOG_LEVEL: 'warn',
    REBALANCE: 'off',
    CONNECTIONS_MAX: '100000',
    EVENTS_PER_SECOND_MAX: '1000000', // a few clients publish for all
    HANDSHAKES_PER_SECOND_MAX: '1000000', // all come at once, from one address
    HANDSHAKES_PER_SECOND_PER_ADDRESS_MAX: '1000000',
    CONNECTIONS_PER_ADDRESS_MAX: '100000',
    PACKETS_PER_SECOND_MAX: '1000000',
    BYTES_PER_SECOND_MAX: '1000000000',
    PUBLISHES_PER_SECOND_MAX: '1000000',
  },
} as const;

/** @param bundle the folder of Mooring as its image has it */
export const contestants = (bundle: string): Contestant[] => [
  {
    name: 'A',
    protocol: 'socket.io',
    file: here('stock.ts'),
    usesRedis: true,
    publishPath: '/v1/publish',
  },
  { name: 'ws', protocol: 'ws', file: here('plain.ts') },
  { name: 'Mooring', ...mooring, cwd: bundle, usesRedis: true },
  { name: 'Mooring in memory', ...mooring, cwd: bundle },
];

/** The server gets the first core, and everything else the second, if there are two. */
export function pin(pid: number, core: number): void {
  if (availableParallelism() < 2) return;
  try {
    execFileSync('taskset', ['-acp', String(core), String(pid)], { stdio: 'ignore' });
  } catch {} // there is no taskset: the scheduler decides
}

export type Server = Awaited<ReturnType<typeof startServer>>;

/** Resolves when the server is ready. */
export async function startServer(contestant: Contestant, redisUrl: string | undefined) {
  const [port, operationsPort] = [await freePort(), await freePort()];
  const isMooring = contestant.name.startsWith('Mooring');
  const env = {
    PATH: process.env.PATH,
    NODE_ENV: 'production',
    HOST: '127.0.0.1',
    PORT: String(port),
    OPERATIONS_PORT: String(operationsPort),
    JWT_SECRET: jwtSecret,
    API_KEY: apiKey,
    ...(redisUrl && { REDIS_URL: redisUrl }),
    ...contestant.env,
  };
  const stdio = ['ignore', 'ignore', 'inherit'] as const;
  const { cwd } = contestant;
  const child = spawn(process.execPath, [contestant.file], { env, cwd, stdio: [...stdio] });
  const exited = once(child, 'exit');
  const { pid } = child as ChildProcess & { pid: number };
  pin(pid, 0);
  const backendPort = isMooring ? operationsPort : port;
  await ready(child, `http://127.0.0.1:${backendPort}/readyz`);
  return {
    port,
    backendPort,
    cpuMicros: () => cpuMicrosOf(pid),
    residentMegabytes: () => statusOf(pid, 'VmRSS') / 1024,
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function ready(child: ChildProcess, url: string): Promise<void> {
  while (child.exitCode === null) {
    const response = await fetch(url).catch(() => undefined);
    if (response?.ok) return;
    await sleep(10);
  }
  throw new Error(`the server exited with ${child.exitCode}`);
}

/** CPU time of all threads, which Linux counts in nanoseconds. */
function cpuMicrosOf(pid: number): number {
  const nanoseconds = readdirSync(`/proc/${pid}/task`).map((thread) =>
    Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ')[0]),
  );
  return nanoseconds.reduce((sum, each) => sum + each, 0) / 1000;
}

function statusOf(pid: number, name: string): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]);
}
