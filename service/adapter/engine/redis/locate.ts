// Locates the master: at a fixed address, through Sentinels, or as the owner of a hash slot. The
// user's client only provides options. The adapter publishes, subscribes and saves sessions on one
// connection of its own, so that replies and messages arrive in order.
import {
  createClient,
  type RedisClientOptions,
  type RedisClusterOptions,
  type RedisSentinelOptions,
} from '@redis/client';
import type { Client, RedisClient, SentinelOptions } from './client.ts';
import { optionsOf } from './client-options.ts';
import { within } from './evaluate.ts';
import { RedisUnfit, refusal } from './requirements.ts';

export interface Locator {
  /** Whether there are several masters, so that related keys must share a hash tag. */
  sharded: boolean;
  /** The number of the selected database. */
  database: number;
  /** Returns an unconnected client for the master of a key. The client never reconnects. */
  locate(key: string): Promise<Client>;
}

interface Address {
  host?: string | undefined;
  port?: number | undefined;
}

const connectMsMax = 2_000;
const silenceMsMax = 10_000; // no reply even to pings: the peer is dead or frozen
const pingMs = 3_000; // node-redis sends nothing when idle

export function locatorOf(client: RedisClient | SentinelOptions): Locator {
  const options = optionsOf(client);
  if ('sentinelRootNodes' in options) return bySentinels(options);
  if ('rootNodes' in options) return bySlots(options);
  const locate = async () => createClient(once(options));
  return { sharded: false, database: options.database ?? 0, locate };
}

/** The options that a connection inherits: credentials and database. */
const inherited: readonly string[] = [
  'username',
  'password',
  'credentialsProvider',
  'name',
  'database',
];

/**
 * The options of a connection that is used until it breaks. Options that change what commands do or
 * return (RESP, type mappings, caches, modules) are not inherited.
 */
function once(options: object, address?: Address): RedisClientOptions {
  const socket = {
    connectTimeout: connectMsMax,
    socketTimeout: silenceMsMax,
    ...Reflect.get(options, 'socket'),
    ...address,
    reconnectStrategy: false as const,
  };
  // Timeouts of node-redis take a signal and a timer per command, half of its cost. Callers use
  // `within` instead.
  const commandOptions = { timeout: 0 };
  const quiet = { disableOfflineQueue: true, disableClientInfo: true, pingInterval: pingMs };
  // Without maintenance notifications, which would split subscriptions, a moved server is located
  // again.
  const names = address ? inherited : [...inherited, 'url'];
  const kept = Object.entries(options).filter(([name]) => names.includes(name));
  const fixed = { ...quiet, commandOptions, RESP: 3, maintNotifications: 'disabled' } as const;
  return { ...Object.fromEntries(kept), ...fixed, socket };
}

function bySentinels(options: RedisSentinelOptions): Locator {
  const { name, nodeAddressMap, nodeClientOptions = {}, sentinelClientOptions = {} } = options;
  let sentinels: Address[] = options.sentinelRootNodes;
  const locate = async () => {
    const { found, answered } = await firstAnswer(sentinels, async (sentinel) => {
      const client = createClient(once(sentinelClientOptions, sentinel));
      return asking(client, async () => {
        const command = ['SENTINEL', 'GET-MASTER-ADDR-BY-NAME', name];
        const master = (await client.sendCommand(command)) as [string, string] | null;
        if (master) return master;
        const todo = 'give the name of `sentinel monitor` in their configuration';
        throw new RedisUnfit(`The Sentinels know no master named ${name}: ${todo}`);
      });
    });
    sentinels = [answered, ...sentinels.filter((other) => other !== answered)];
    const [host, port] = found;
    const address = mapped(nodeAddressMap, { host, port: Number(port) });
    return createClient(once(nodeClientOptions, address));
  };
  return { sharded: false, database: nodeClientOptions.database ?? 0, locate };
}

function bySlots({ rootNodes, defaults = {}, nodeAddressMap }: RedisClusterOptions): Locator {
  let known: RedisClientOptions[] = [];
  const nodeAt = (address: Address) => ({
    ...defaults,
    socket: { ...defaults.socket, ...address },
  });
  const locate = async (key: string) => {
    // In random order: a partitioned node may return a stale topology.
    const nodes = [...shuffled(known), ...shuffled(rootNodes)];
    const { found } = await firstAnswer(nodes, async (node) => {
      const socket = { ...defaults.socket, ...node.socket };
      const client = createClient(once({ ...defaults, ...node, socket }));
      return asking(client, async () => {
        const shards = await client.clusterSlots();
        const slot = await client.clusterKeySlot(key);
        const asked = client.options.socket as Address;
        const addressOf = ({ host, port }: Address) =>
          mapped(nodeAddressMap, { host: host || asked.host, port });
        known = shards.map(({ master }) => nodeAt(addressOf(master))) as RedisClientOptions[];
        const owner = shards.find(({ from, to }) => from <= slot && slot <= to)?.master;
        return owner && addressOf(owner);
      });
    });
    return createClient(once(defaults, found));
  };
  return { sharded: true, database: 0, locate };
}

/**
 * Asks the nodes one after another. Rejects with a `RedisUnfit` if there was one, or all errors.
 */
async function firstAnswer<N, T>(
  nodes: N[],
  ask: (node: N) => Promise<T | undefined>,
): Promise<{ found: T; answered: N }> {
  const errors: unknown[] = [];
  for (const answered of nodes) {
    try {
      const found = await ask(answered);
      if (found !== undefined) return { found, answered };
    } catch (error) {
      errors.push(error);
    }
  }
  const unfit = errors.find((error) => error instanceof RedisUnfit);
  throw unfit ?? new AggregateError(errors, 'No node returned a master');
}

async function asking<T>(client: Client, ask: () => Promise<T>): Promise<T> {
  client.on('error', () => {}); // the command rejects too
  try {
    return await within(client.connect().then(ask), connectMsMax);
  } catch (error) {
    throw refusal(error, client);
  } finally {
    client.destroy();
  }
}

type AddressMap = RedisClusterOptions['nodeAddressMap'];

function mapped(map: AddressMap, address: Address): Address {
  const name = `${address.host}:${address.port}`;
  return (typeof map === 'function' ? map(name) : map?.[name]) ?? address;
}

/** Every order is equally likely, which a random comparator does not give. */
export function shuffled<T>(items: T[]): T[] {
  const weighted = items.map((item) => ({ item, weight: Math.random() }));
  return weighted.sort((a, b) => a.weight - b.weight).map(({ item }) => item);
}
