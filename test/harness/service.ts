// A real service for a test, in this process or as one of its own; each undoes itself.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  io as connectTo,
  type ManagerOptions,
  type Socket,
  type SocketOptions,
} from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { createApp } from '../../service/app.ts';
import { parseConfig } from '../../service/config.ts';
import { createOperations } from '../../service/http/operations.ts';
import { listen } from '../../service/http/router.ts';
import { createLog } from '../../service/log.ts';
import { mintToken } from '../../service/token.ts';

export const secret = 'a secret for tests that is long enough';
export const apiKey = 'an api key for tests';

export type Env = Record<string, string>;
type ClientOptions = Partial<ManagerOptions & SocketOptions> & {
  token?: string;
  namespace?: string;
};

const defaults: Env = {
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
  role?: string;
  rooms?: string[];
}

export const tokenFor = (user: string | Claims, ttlSeconds = 60) =>
  mintToken(secret, typeof user === 'string' ? { sub: user } : user, ttlSeconds);

/** The app with its operations port, in this process; closed when the test ends. */
export async function startApp(env: Env = {}) {
  const config = parseConfig({ ...defaults, ...env });
  const logged: Record<string, unknown>[] = [];
  const write = (line: string) => logged.push(JSON.parse(line));
  const log = createLog(env.LOG_LEVEL ?? 'info', config.podName, { write });
  const app = await createApp(config, log);
  app.started.catch((error) => log.error({ err: error }, 'not started'));
  const operations = createOperations({ ...app, failed: (error) => log.error({ err: error }) });
  const operationsUrl = `http://127.0.0.1:${await listen(operations, 0, '127.0.0.1')}`;
  const url = `http://127.0.0.1:${await app.listen()}`;
  let open = true;
  const close = async () => {
    if (!open) return;
    open = false;
    operations.close();
    operations.closeAllConnections();
    await app.close();
  };
  onTestFinished(close);
  return { app, url, operationsUrl, logged, close, connect: connectorOf(url) };
}

/** `service/main.ts` as a process of its own; killed when the test ends. */
export async function startProcess(env: Env = {}, command: string[] = []) {
  const [port, operationsPort] = [await freePort(), await freePort()];
  const ports = { PORT: String(port), OPERATIONS_PORT: String(operationsPort) };
  const node = [...command, process.execPath, 'service/main.ts'];
  const child = spawn(node[0] as string, node.slice(1), {
    env: { PATH: process.env.PATH, ...defaults, ...ports, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const output = collect(child);
  const exited = once(child, 'exit') as Promise<[number | null, string | null]>;
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  const url = `http://127.0.0.1:${port}`;
  const operationsUrl = `http://127.0.0.1:${operationsPort}`;
  return { child, exited, output, url, operationsUrl, connect: connectorOf(url) };
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

export function connectorOf(url: string) {
  return (user: string | Claims | undefined, options: ClientOptions = {}): Socket => {
    const { token = user === undefined ? undefined : tokenFor(user), namespace = '/' } = options;
    const auth = token === undefined ? {} : { token };
    const client = connectTo(url + namespace, { auth, forceNew: true, timeout: 5000, ...options });
    onTestFinished(() => {
      client.disconnect();
    });
    return client;
  };
}

/** A connected client, and the next event of a name with its arguments. */
export async function connected(client: Socket): Promise<Socket> {
  if (!client.connected) await next(client, 'connect');
  return client;
}

export function next(client: Socket, event: string): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no ${event} within 8 s`));
    const timer = setTimeout(late, 8000);
    client.once(event, (...args: unknown[]) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
}

/** Resolves when the condition holds; rejects with its name after `msMax`. */
export async function until(
  name: string,
  condition: () => boolean | Promise<boolean>,
  msMax = 10_000,
): Promise<void> {
  const end = Date.now() + msMax;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${msMax} ms: ${name}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

export async function freePort(): Promise<number> {
  const { createServer } = await import('node:net');
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
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

export const untilReady = (operationsUrl: string) =>
  until('ready', async () => (await readyStatus(operationsUrl)) === 200, 20_000);

/** The samples of one metric, by its labels as text. */
export async function samples(operationsUrl: string, name: string) {
  const text = await (await fetch(`${operationsUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.split(/[ {]/)[0] === `mooring_${name}`);
  return Object.fromEntries(
    lines.map((line) => [/\{(.*)\}/.exec(line)?.[1] ?? '', Number(line.split(' ').at(-1))]),
  );
}
