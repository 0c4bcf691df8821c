// The connection of the stores to Redis. Commands fail fast, and no failure ends the process.
import { createClient, createCluster, createSentinel } from '@redis/client';
import type { Client, RedisClient } from '../../adapter/engine/redis/client.ts';
import { openLink } from '../../adapter/engine/redis/connection.ts';
import { evaluate } from '../../adapter/engine/redis/evaluate.ts';
import { locatorOf } from '../../adapter/engine/redis/locate.ts';
import type { Config } from '../../config/schema.ts';
import { Unavailable } from '../../protocol/refusals.ts';
import type { Metrics } from '../../telemetry/metrics.ts';

const commandMsMax = 1_500;

export interface Redis {
  /** Runs a command. Rejects with `Unavailable` if Redis is unavailable, too slow or refuses it. */
  run<T>(command: (client: Client) => Promise<T>): Promise<T>;
  /** Runs a Lua script by its digest. Sends the text if Redis does not have it yet. */
  script(lua: string, keys: string[], args: (string | number)[]): Promise<unknown>;
  /** Resolves once the connection is ready for the first time. Rejects with `RedisUnfit`. */
  ready(): Promise<unknown>;
  isUp(): boolean;
  /** Resolves once the connection is open. */
  whenUp(): Promise<void>;
  /** The full name of a key of the stores. */
  key(name: string): string;
  /** How often the connection was opened again. */
  reconnects(): number;
  close(): Promise<void>;
}

/** The scripts of a store, and the commands that it sends outside of them. */
export interface StoreNeeds {
  scripts: string[];
  commands: string[];
}

/**
 * @param family the prefix of all keys
 * @param changed called when the connection opens, closes or answers a ping
 */
export function openRedis(
  client: RedisClient,
  family: string,
  stores: StoreNeeds[],
  metrics: Metrics,
  report: (stage: string, error: unknown) => void,
  changed: () => void,
): Redis {
  const prefix = `${family}:{stores}`; // the hash tag keeps all keys on one master of a cluster
  const scripts = stores.flatMap((store) => store.scripts);
  const commands = ['PING', ...stores.flatMap((store) => store.commands)];
  const needs = { family, prefix, scripts, commands };
  let opens = 0;
  const link = openLink<[Client]>(locatorOf(client), needs, 1, {
    up() {
      if (opens > 0) metrics.redisReconnected();
      opens += 1;
      changed();
    },
    down(error) {
      changed();
      report('redis_connection', error);
    },
    alive: changed,
    warned() {}, // the adapter reports the same warnings
  });
  const late = () => metrics.redisUp(false);
  const run = async <T>(command: (client: Client) => Promise<T>): Promise<T> => {
    const done = link.use(([connection]) => command(connection), commandMsMax, late);
    return done.catch((cause: Error) => {
      throw new Unavailable(cause.message, { cause });
    });
  };
  return {
    run,
    script: (lua, keys, args) =>
      run((redis) => evaluate(redis, lua, keys, args.map(String)) as Promise<unknown>),
    ready: () => Promise.race([link.opened, link.refusal()]),
    isUp: () => link.now() !== undefined,
    whenUp: link.whenUp,
    key: (name) => `${prefix}:${name}`,
    reconnects: () => opens - 1,
    close: link.close,
  };
}

type Mode = Pick<Config, 'redisMode' | 'redisSentinelName' | 'redisSentinelPassword'>;
type Credentials = Pick<Config, 'redisUrl' | 'redisSentinelPassword'>;

const queuedCommandsMax = 10_000;

/**
 * The client for the adapter. All nodes use the credentials, database and TLS of the first URL.
 * @param current asked for the credentials at each connect, because they may be rotated
 */
export function redisClient(
  given: string[],
  mode: Mode,
  current: () => Credentials = () => ({ ...mode, redisUrl: given }),
): RedisClient {
  const urls = given.map((url) => new URL(url));
  const nodes = urls.map(({ hostname, port }) => ({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port) || (mode.redisMode === 'sentinel' ? 26_379 : 6_379),
  }));
  const { protocol, username, pathname } = urls[0] as URL;
  const socket = protocol === 'rediss:' ? { tls: true as const } : {};
  const common = {
    commandsQueueMaxLength: queuedCommandsMax,
    ...(username && { username: decodeURIComponent(username) }), // for messages
    credentialsProvider: provide(() => credentialsOf(current().redisUrl?.[0] ?? '')),
  };
  const database = Number(pathname.slice(1));
  if (mode.redisMode === 'cluster') {
    const rootNodes = nodes.map((node) => ({ socket: { ...socket, ...node } }));
    return createCluster({ rootNodes, defaults: { ...common, socket } });
  }
  if (mode.redisMode === 'single') {
    return createClient({ ...common, database, socket: { ...socket, ...nodes[0] } });
  }
  const { redisSentinelName: name } = mode;
  const sentinelCredentials = provide(() => {
    const { redisSentinelPassword: password } = current();
    return password ? { password } : {};
  });
  return createSentinel({
    name,
    sentinelRootNodes: nodes,
    nodeClientOptions: { ...common, database, socket },
    sentinelClientOptions: { socket, credentialsProvider: sentinelCredentials },
  });
}

type BasicAuth = { username?: string; password?: string };

const provide = (credentials: () => BasicAuth) => ({
  type: 'async-credentials-provider' as const,
  credentials: async () => credentials(),
});

function credentialsOf(url: string): BasicAuth {
  const { username, password } = new URL(url);
  return {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
  };
}
