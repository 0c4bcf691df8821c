// The service and Redis as real processes, for tests and for `make chaos`; who starts one ends it.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { mintToken } from '../../service/auth/tokens.ts';

export const secret = 'a secret for tests that is long enough';
export const apiKey = 'an api key for tests';

export type Env = Record<string, string>;

export const defaults: Env = {
  HOST: '127.0.0.1',
  PORT: '0',
  OPERATIONS_PORT: '0',
  JWT_SECRET: secret,
  API_KEY: apiKey,
  LOG_LEVEL: 'silent',
  ENDPOINT_DELAY_MS: '0',
  DRAIN_MS_MAX: '500',
};

export interface Claims {
  sub: string;
  /** In epoch seconds; default: now. The token is valid from then on. */
  iat?: number;
  role?: string;
  rooms?: string[];
}

export const tokenFor = (user: string | Claims, ttlSeconds = 60) =>
  mintToken(secret, typeof user === 'string' ? { sub: user } : user, ttlSeconds);

/** What a process needs of the environment of the tests. */
export function surroundings(): Env {
  const { PATH = '', NODE_COMPILE_CACHE = '' } = process.env;
  return { PATH, NODE_COMPILE_CACHE };
}

/**
 * `service/main.ts` as a process of its own, on free ports unless `env` names them.
 * @param cwd the folder of another build of the service
 */
export async function launchService(env: Env = {}, command: string[] = [], cwd = process.cwd()) {
  const port = env.PORT ?? String(await freePort());
  const operationsPort = env.OPERATIONS_PORT ?? String(await freePort());
  const ports = { PORT: port, OPERATIONS_PORT: operationsPort };
  const node = [...command, process.execPath, 'service/main.ts'];
  const child = spawn(node[0] as string, node.slice(1), {
    cwd,
    env: { ...surroundings(), ...defaults, ...env, ...ports },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child);
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  const url = `http://127.0.0.1:${port}`;
  const operationsUrl = `http://127.0.0.1:${operationsPort}`;
  return { child, exited, output, url, operationsUrl };
}

/**
 * A Redis with an append-only file of its own, that can be killed and started again. What it has
 * answered survives that: with `no` every write to the file comes before its reply, and stays with
 * the kernel. With `everysec` it may be put off for 2 s while the disk is slow to sync.
 * @param further settings of redis.conf, over those
 * @param env added to the environment of this process
 */
export async function launchRedis(further: Record<string, string> = {}, env: Env = {}) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'mooring-redis-'));
  let child: ChildProcess;
  let stopped = false;
  const start = async (changed: Record<string, string> = {}) => {
    if (stopped) return;
    const durable = { dir: folder, appendonly: 'yes', appendfsync: 'no', save: '' };
    const settings = { port, bind: '127.0.0.1', ...durable, ...further, ...changed };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    child = spawn('redis-server', args, { env: { ...process.env, ...env }, stdio: 'ignore' });
    await until('Redis answers', () => answers(port));
  };
  const kill = async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  await start();
  const stop = () => {
    stopped = true;
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  };
  const signal = (name: 'SIGSTOP' | 'SIGCONT') => child.kill(name);
  return { url: `redis://127.0.0.1:${port}`, port, kill, start, signal, stop };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', (data) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(data.toString()));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
  });
}

/** Everything a process has printed so far. */
export function collect(child: ChildProcess): () => string {
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      text += chunk;
    });
  }
  return () => text;
}

/** Resolves when the condition holds; rejects with its name after `msMax`. */
export async function until(
  name: string,
  condition: () => boolean | Promise<boolean>,
  msMax = 60_000,
): Promise<void> {
  const end = Date.now() + msMax;
  for (let pauseMs = 5; !(await condition()); pauseMs = Math.min(2 * pauseMs, 80)) {
    if (Date.now() > end) throw new Error(`not within ${msMax} ms: ${name}`);
    await sleep(pauseMs);
  }
}

// These ports are below those of outgoing connections. Each test process draws from a range of its
// own, because nobody listens yet on a port that another process has reserved.
const portMin = 10_000;
const portsOfProcess = 1_375;
const processesMax = 16;
const ownPortMin =
  portMin + (Number(process.env.VITEST_POOL_ID ?? 0) % processesMax) * portsOfProcess;

const given = new Set<number>(); // not yet listened to, maybe

/** Nobody listens on it, and no outgoing connection takes it while a process restarts. */
export async function freePort(): Promise<number> {
  const port = ownPortMin + Math.floor(Math.random() * portsOfProcess);
  if (given.has(port)) return freePort();
  given.add(port);
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once('error', () => resolve(false)).listen(port, '127.0.0.1', () => resolve(true));
  });
  if (!free) return freePort();
  server.close();
  await once(server, 'close');
  return port;
}

/** The status of the readiness probe, 0 while nothing listens. */
export const readyStatus = (operationsUrl: string) =>
  fetch(`${operationsUrl}/readyz`).then(
    (response) => response.status,
    () => 0,
  );

export const untilReady = (operationsUrl: string, msMax?: number) =>
  until('ready', async () => (await readyStatus(operationsUrl)) === 200, msMax);

/** Ids of the processes that a process has started, as Linux tells. */
export function childrenOf(pid: number | undefined): number[] {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return children.split(' ').flatMap((id) => (id === '' ? [] : Number(id)));
}
