// The connections to Redis: they fail fast, reconnect for ever, and never end the process.
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from 'redis';
import { evaluate, within } from '../adapter/command.ts';
import type { Metrics } from '../metrics.ts';
import { Unavailable } from '../protocol.ts';

const commandMsMax = 1_500;
const connectMsMax = 2_000;
const closeMsMax = 1_000;
const backoffMsMax = 2_000;
const pingMs = 3_000; // node-redis sends nothing by itself when idle
const silenceMsMax = 10_000;
const queuedCommandsMax = 10_000;

type Client = ReturnType<typeof connectionTo>;
type Report = (stage: string, error: unknown) => void;

export interface Redis {
  /** Refuses commands at once while Redis is away. */
  client: Client;
  /** Runs a command. Rejects with `Unavailable` when Redis is away, refuses or takes too long. */
  run<T>(command: (client: Client) => Promise<T>): Promise<T>;
  /** Runs a Lua script by its digest, as a whole when Redis has not seen it. */
  script(lua: string, keys: string[], args: (string | number)[]): Promise<unknown>;
  /** Resolves when the connection is first ready. */
  ready: Promise<unknown>;
  close(): Promise<void>;
}

export function openRedis(url: string, metrics: Metrics, report: Report): Redis {
  const client = connectionTo(url);
  observe(client, metrics, report);

  const run = async <T>(command: (client: Client) => Promise<T>): Promise<T> => {
    if (!client.isReady) throw new Unavailable('Redis is away');
    const late = () => metrics.redisUp(false);
    // What goes wrong with a command, in time or in answer, is one thing to the caller.
    return within(command(client), commandMsMax, late).catch((cause: unknown) => {
      throw new Unavailable('Redis did not do it', { cause });
    });
  };
  return {
    client,
    run,
    script: (lua, keys, args) =>
      run((redis) => evaluate(redis, lua, keys, args.map(String)) as Promise<unknown>),
    ready: client.connect(),
    async close() {
      const closed = client.close().catch(() => {});
      await Promise.race([closed, sleep(closeMsMax)]); // what is under way may end first
      if (client.isOpen) client.destroy();
    },
  };
}

function connectionTo(url: string) {
  return createClient({
    url,
    pingInterval: pingMs,
    disableOfflineQueue: true,
    commandsQueueMaxLength: queuedCommandsMax,
    socket: {
      connectTimeout: connectMsMax,
      socketTimeout: silenceMsMax,
      reconnectStrategy: (retries) =>
        Math.min(backoffMsMax, 50 * 2 ** Math.min(retries, 10)) * (0.5 + Math.random() / 2),
    },
  });
}

function observe(client: Client, metrics: Metrics, report: Report): void {
  let connected = false;
  client.on('ready', () => {
    if (connected) metrics.redisReconnected();
    connected = true;
    metrics.redisUp(true);
  });
  client.on('ping-interval', () => metrics.redisUp(true));
  client.on('error', (error) => {
    metrics.redisUp(false);
    report('redis_connection', error);
  });
}
