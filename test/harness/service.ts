// A real service for a test, in this process or as one of its own; each undoes itself.
import {
  io as connectTo,
  type ManagerOptions,
  type Socket,
  type SocketOptions,
} from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { createOperations } from '../../service/api/operations.ts';
import { listen } from '../../service/api/router.ts';
import { createApp } from '../../service/app.ts';
import { parseConfig, secrets } from '../../service/config/schema.ts';
import { hasFiles } from '../../service/config/variables.ts';
import { createLog } from '../../service/telemetry/log.ts';
import { type Claims, defaults, type Env, launchService, tokenFor } from './processes.ts';

export {
  apiKey,
  type Claims,
  collect,
  type Env,
  freePort,
  readyStatus,
  secret,
  tokenFor,
  until,
  untilReady,
} from './processes.ts';

type ClientOptions = Partial<ManagerOptions & SocketOptions> & {
  token?: string;
  namespace?: string;
};

/** The app with its operations port, in this process; closed when the test ends. */
export async function startApp(env: Env = {}) {
  const all = { ...defaults, ...env };
  const config = parseConfig(all);
  const logged: Record<string, unknown>[] = [];
  const write = (line: string) => logged.push(JSON.parse(line));
  const log = createLog(env.LOG_LEVEL ?? 'info', config.podName, { write });
  const app = await createApp(config, log, {
    reread: hasFiles(all, secrets) ? () => parseConfig(all) : undefined,
  });
  app.started.catch((error) => log.error({ err: error }, 'not started'));
  const operations = createOperations({ ...app, onError: (error) => log.error({ err: error }) });
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
export async function startProcess(env: Env = {}, command: string[] = [], folder?: string) {
  const service = await launchService(env, command, folder);
  onTestFinished(() => {
    service.child.kill('SIGKILL');
  });
  return { ...service, connect: connectorOf(service.url) };
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
    const late = () => reject(new Error(`no ${event} within 30 s`));
    const timer = setTimeout(late, 30_000);
    client.once(event, (...args: unknown[]) => {
      clearTimeout(timer);
      resolve(args);
    });
  });
}

/** The samples of one metric, by its labels as text. */
export async function samples(operationsUrl: string, name: string) {
  const text = await (await fetch(`${operationsUrl}/metrics`)).text();
  const lines = text.split('\n').filter((line) => line.split(/[ {]/)[0] === `mooring_${name}`);
  return Object.fromEntries(
    lines.map((line) => [/\{(.*)\}/.exec(line)?.[1] ?? '', Number(line.split(' ').at(-1))]),
  );
}
