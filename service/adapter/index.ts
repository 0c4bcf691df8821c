// The entry of the package: `createAdapter(redisClient, options)`, as in other Socket.IO adapters.
import type { Namespace } from 'socket.io';
import type { Adapter } from 'socket.io-adapter';
import { RecoveringAdapter } from './adapter.ts';
import type { EngineSource, Outcome, RecordLimits, RecordPage } from './engine/engine.ts';
import { type MemoryStore, memorySource } from './engine/memory/engine.ts';
import type { RedisClient, SentinelOptions } from './engine/redis/client.ts';
import { requireOptions } from './engine/redis/client-options.ts';
import { redisSource } from './engine/redis/engine.ts';
import { locatorOf } from './engine/redis/locate.ts';
import { type AdapterOptions, defaultOptions, type GivenOptions } from './options.ts';
import { noticeMsOf } from './session/pings.ts';
import { destinationsOf, eventType, recoveryMsOf } from './socketio-internals.ts';
import { createRequestClient } from './stream/cluster-requests.ts';
import { createLoopback } from './stream/loopback.ts';
import { createPublisher, type Extras, type Publisher } from './stream/publisher.ts';
import { createStream, type Stream } from './stream/stream.ts';
import { createWarnings, reportUnreadable } from './stream/warnings.ts';

export { EngineUnavailable, type Outcome } from './engine/engine.ts';
export { createMemoryStore, type MemoryStore } from './engine/memory/engine.ts';
export type { RedisClient, SentinelOptions } from './engine/redis/client.ts';
export { RedisUnfit } from './engine/redis/requirements.ts';
export type {
  AdapterOptions,
  GivenOptions,
  Limit,
  Observer,
  RestoreResult,
  SessionInfo,
  SessionListener,
} from './options.ts';
export { runHandlers } from './session/handlers.ts';
export type { Extras } from './stream/publisher.ts';

export interface AdapterFactory {
  (namespace: Namespace): Adapter;
  /**
   * Emits an event to a server, a namespace, or the result of `to()` or `except()`. Resolves once
   * the engine has stored it, or to `undefined` if it was only for sockets of this process. After a
   * rejection with `EngineUnavailable` the event may still have been published.
   */
  publish(
    target: object,
    event: string,
    args: unknown[],
    extras?: Extras,
  ): Promise<Outcome | undefined>;
  /** The full name of a key, for the extras of a message in the namespace `/`. */
  key(name: string): string;
  /** The newest values recorded under such a key before an id or `+`, newest first. */
  recorded(key: string, before: string, limits: RecordLimits): Promise<RecordPage>;
  /**
   * Resolves once sessions can be restored: the engine is up and the catch-up is done. Rejects with
   * `RedisUnfit`, whose message says why Redis is refused. The adapter keeps retrying.
   */
  ready(): Promise<void>;
  /** Sends a message to this process through the engine, and resolves when it arrives. */
  loopback(): Promise<void>;
  /** Whether there is a connection to Redis, in a cluster to every master that is needed. */
  isUp(): boolean;
  /** Whether messages arrive: connected and caught up. Messages of an outage arrive before. */
  isLive(): boolean;
}

/** Shared by the namespaces on one stream. */
interface Shared {
  stream: Stream;
  publisher: Publisher;
  loopback(): Promise<void>;
  adapters: Map<string, RecoveringAdapter>;
}

/**
 * For the `adapter` option of a Socket.IO server. The client comes from `createClient`,
 * `createSentinel` or `createCluster`. It need not be connected: the adapter only reads its
 * options. In a cluster every namespace has its own stream, on the master of its hash tag.
 */
export function createAdapter(
  client: RedisClient | SentinelOptions,
  given: GivenOptions = {},
): AdapterFactory {
  const locator = locatorOf(client); // throws at once for an unsupported client
  return adapterOn((options) => redisSource(locator, options), given, locator.database);
}

/** The same for a single server: the engine is the memory of this process. */
export function createMemoryAdapter(given: GivenOptions = {}, store?: MemoryStore): AdapterFactory {
  return adapterOn((options) => memorySource(options, store), given);
}

function adapterOn(
  open: (options: AdapterOptions) => EngineSource,
  given: GivenOptions,
  database = 0,
): AdapterFactory {
  requireOptions(given);
  const { key, bridge } = separated(given, database);
  const observer = reportUnreadable(
    given.observer ? { ...defaultOptions.observer, ...given.observer } : createWarnings(),
  );
  let known: { options: AdapterOptions; source: EngineSource } | undefined;
  const streams = new Map<string, Shared>(); // by prefix

  /** Opens the source lazily: the recovery window is an option of the server. */
  const opened = ({ server }: Namespace) => {
    if (known) return known;
    const own = recoveryMsOf(server);
    const recoveryMsMax = given.recoveryMsMax ?? own;
    if (own > 0 && recoveryMsMax !== own) {
      throw new TypeError(
        `recoveryMsMax is ${recoveryMsMax}, but the server's maxDisconnectionDuration is ${own}: ` +
          'set both to the same number of milliseconds',
      );
    }
    const noticeMsMax = given.noticeMsMax ?? noticeMsOf(server);
    const limits = { recoveryMsMax, noticeMsMax };
    const options = { ...defaultOptions, ...given, key, bridge, observer, ...limits };
    known = { options, source: open(options) };
    return known;
  };
  const prefixOf = (namespace: string) => (known?.source.sharded ? `${key}:{${namespace}}` : key);

  // Not an arrow function: Socket.IO calls it with `new`.
  function factory(namespace: Namespace): RecoveringAdapter {
    const { options, source } = opened(namespace);
    const prefix = prefixOf(namespace.name);
    const shared = streams.get(prefix) ?? share(source, prefix, options);
    streams.set(prefix, shared);
    const { stream, publisher, adapters } = shared;
    const requests = createRequestClient(stream, publisher.flush) as never;
    const adapter = new RecoveringAdapter(namespace, stream, requests, publisher);
    adapters.set(namespace.name, adapter);
    const { close } = adapter;
    adapter.close = async () => {
      // At once: the namespace may be recreated while this one closes.
      if (adapters.get(namespace.name) === adapter) adapters.delete(namespace.name);
      const last = adapters.size === 0 && streams.get(prefix)?.stream === stream;
      if (last) streams.delete(prefix);
      await close.call(adapter);
      if (last) await stream.close();
    };
    return adapter;
  }
  const main = () => streams.get(prefixOf('/')) as Shared; // every server has this namespace
  const all = () => [...streams.values()].map(({ stream }) => stream);
  return Object.assign(factory, {
    publish,
    key: (name: string) => `${prefixOf('/')}:${name}`,
    recorded: async (key: string, before: string, limits: RecordLimits) =>
      main().stream.engine.readRecord(key, before, limits),
    loopback: () => main().loopback(),
    ready: async () => void (await Promise.all(all().map((stream) => stream.ready()))),
    isUp: () => all().every((stream) => stream.isUp()),
    isLive: () => all().every((stream) => stream.isLive()),
  });
}

/** Databases separate keys, but not channels. Stock servers use the same ones in every database. */
function separated({ key, bridge }: GivenOptions, database: number) {
  const { key: defaultKey, bridge: defaultBridge } = defaultOptions;
  const shared = key ?? defaultKey;
  return {
    key: database === 0 ? shared : `${shared}:@${database}`,
    bridge: bridge === true ? shared : (bridge ?? defaultBridge),
  };
}

function share(source: EngineSource, prefix: string, options: AdapterOptions): Shared {
  const adapters: Shared['adapters'] = new Map();
  const all = () => [...adapters.values()];
  const stream = createStream(source, prefix, options, {
    sources: () => all().flatMap(({ channels }) => channels.catchUpSources()),
    forgot() {
      for (const { writer } of all()) writer.saveAll();
    },
    caughtUp(upTo) {
      for (const { channels, writer } of all()) {
        channels.caughtUp(upTo);
        writer.saveAll();
      }
    },
    unreadable(channel) {
      for (const { channels } of all()) channels.unreadable(channel);
    },
    formatLowered() {
      for (const { writer } of all()) writer.saveAll(); // else older versions cannot restore them
    },
    claimed: ({ namespace, pid }, epoch) => adapters.get(namespace)?.yieldSession(pid, epoch),
  });
  const publisher = createPublisher(stream, stream.format, options);
  return { stream, publisher, loopback: createLoopback(stream, publisher.publish), adapters };
}

async function publish(
  target: object,
  event: string,
  args: unknown[],
  extras: Extras = {},
): Promise<Outcome | undefined> {
  const destinations = destinationsOf(target);
  if (destinations.length > 1 && Object.keys(extras).length > 0) {
    throw new TypeError('Extras require a target in one namespace');
  }
  const outcomes = await Promise.all(
    destinations.map(({ adapter, to }) => {
      if (!(adapter instanceof RecoveringAdapter)) {
        throw new TypeError('The target belongs to a server that does not use this adapter');
      }
      return adapter.publish({ type: eventType, data: [event, ...args] }, to, extras);
    }),
  );
  return outcomes[0];
}
