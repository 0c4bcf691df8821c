// Redis for the stores: commands fail fast, and never end the process.
import { createClient, createCluster, createSentinel } from 'redis';
import { evaluate } from '../adapter/command.ts';
import { openLink } from '../adapter/link.ts';
import { type Client, locatorOf, type RedisClient } from '../adapter/locate.ts';
import type { Config } from '../config.ts';
import type { Metrics } from '../metrics.ts';
import { Unavailable } from '../protocol.ts';
import { presencePrefix, presenceScripts } from './presence.redis.ts';

const commandMsMax = 1_500;

export interface Redis {
  /** Runs a command. Rejects with `Unavailable` when Redis is away, refuses or takes too long. */
  run<T>(command: (client: Client) => Promise<T>): Promise<T>;
  /** Runs a Lua script by its digest, as a whole when Redis has not seen it. */
  script(lua: string, keys: string[], args: (string | number)[]): Promise<unknown>;
  /** Resolves when the connection is first ready. Rejects with `RedisUnfit`. */
  ready(): Promise<unknown>;
  isUp(): boolean;
  close(): Promise<void>;
}

/** @param changed told when the connection has come or gone, or answers */
export function openRedis(
  client: RedisClient,
  metrics: Metrics,
  report: (stage: string, error: unknown) => void,
  changed: () => void,
): Redis {
  const needs = { prefix: presencePrefix, scripts: presenceScripts, commands: ['PING', 'ZRANGE'] };
  let connected = false;
  const link = openLink<[Client]>(locatorOf(client), needs, 1, {
    up() {
      if (connected) metrics.redisReconnected();
      connected = true;
      changed();
    },
    down(error) {
      changed();
      report('redis_connection', error);
    },
    alive: changed,
    warned() {}, // the adapter says the same
  });
  const late = () => metrics.redisUp(false);
  const run = async <T>(command: (client: Client) => Promise<T>): Promise<T> => {
    const done = link.use(([connection]) => command(connection), commandMsMax, late);
    return done.catch((cause: unknown) => {
      throw new Unavailable('Redis did not do it', { cause });
    });
  };
  return {
    run,
    script: (lua, keys, args) =>
      run((redis) => evaluate(redis, lua, keys, args.map(String)) as Promise<unknown>),
    ready: () => Promise.race([link.opened, link.refusal()]),
    isUp: () => link.now() !== undefined,
    close: link.close,
  };
}

type Place = Pick<Config, 'redisUrl' | 'redisMode' | 'redisSentinelName' | 'redisSentinelPassword'>;

const queuedCommandsMax = 10_000;

/** What the adapter takes. Credentials, database and TLS are those of the first URL everywhere. */
export function redisClient(place: Place): RedisClient {
  const urls = place.redisUrl.map((url) => new URL(url));
  const nodes = urls.map(({ hostname, port }) => ({
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: Number(port) || (place.redisMode === 'sentinel' ? 26_379 : 6_379),
  }));
  const { protocol, username, password, pathname } = urls[0] as URL;
  const socket = protocol === 'rediss:' ? { tls: true as const } : {};
  const common = {
    commandsQueueMaxLength: queuedCommandsMax,
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
  };
  const database = Number(pathname.slice(1));
  if (place.redisMode === 'cluster') {
    const rootNodes = nodes.map((node) => ({ socket: { ...socket, ...node } }));
    return createCluster({ rootNodes, defaults: { ...common, socket } });
  }
  if (place.redisMode === 'single') {
    return createClient({ ...common, database, socket: { ...socket, ...nodes[0] } });
  }
  const { redisSentinelName: name, redisSentinelPassword: sentinelPassword } = place;
  return createSentinel({
    name,
    sentinelRootNodes: nodes,
    nodeClientOptions: { ...common, database, socket },
    sentinelClientOptions: { socket, ...(sentinelPassword && { password: sentinelPassword }) },
  });
}
