// `createAdapter(redisClient, options)`, the form of the ecosystem's adapters.
import type { Namespace } from 'socket.io';
import { RecoveringAdapter } from './adapter.ts';
import { createEcho, type Echo } from './echo.ts';
import { createHub, type Hub } from './hub.ts';
import { type Locator, locatorOf, type RedisClient } from './locate.ts';
import { type AdapterOptions, defaultOptions, type Observer } from './options.ts';
import {
  createPublisher,
  type Extras,
  extend,
  type Message,
  type Published,
  type Publisher,
} from './publish.ts';
import { createRequestClient, rememberOwnRequests } from './requests.ts';
import { catchUp, checkPosition } from './resync.ts';

type Given = Partial<Omit<AdapterOptions, 'observer'>> & { observer?: Partial<Observer> };

export interface AdapterFactory {
  (namespace: Namespace): RecoveringAdapter;
  /**
   * Runs `emit`, synchronously, and resolves when Redis has what it published, with an outcome for
   * each message; with extras it is to be one. Rejects with `RedisUnavailable`.
   */
  publish(emit: () => void, extras?: Extras): Promise<Published[]>;
  /** The full name of a key for the extras of a message in the namespace `/`. */
  key(name: string): string;
  /** The newest `count` values recorded under such a key before an entry, with their entries. */
  recorded(key: string, before: string, count: number): Promise<{ id: string; value: string }[]>;
  /**
   * Resolves when sessions can be restored: Redis is there, and nothing is left to catch up.
   * Rejects with `RedisUnfit`, which says why a Redis is refused; it is tried again all the same.
   */
  ready(): Promise<void>;
  /** Sends a message to this process itself; resolves when it has come back through Redis. */
  echo(): Promise<void>;
  /** Whether there is a connection to Redis, in a cluster to every master that is needed. */
  isUp(): boolean;
}

const windowMsDefault = 120_000;

/** What namespaces that see one stream of messages share. */
interface Shared {
  hub: Hub;
  post: Publisher['post'];
  /** Sends what waits to be published. */
  flush(): void;
  echo: Echo;
  adapters: Map<string, RecoveringAdapter>;
}

/**
 * For the `adapter` option of a Socket.IO server. The client may be one of `createClient`,
 * `createSentinel` or `createCluster`, connected or not: it is only asked for its options. In a
 * cluster every namespace has a stream of its own, on the master of its hash tag.
 */
export function createAdapter(client: RedisClient, given: Given = {}): AdapterFactory {
  const observer = { ...defaultOptions.observer, ...given.observer };
  const options: AdapterOptions = { ...defaultOptions, ...given, observer };
  const locator = locatorOf(client);
  const streams = new Map<string, Shared>(); // by prefix
  const collector = createCollector();

  const prefixOf = (namespace: string) =>
    locator.sharded ? `${options.key}:{${namespace}}` : options.key;
  const open = (prefix: string, namespace: Namespace): Shared => {
    const adapters: Shared['adapters'] = new Map();
    const hub = hubFor(namespace, locator, prefix, options, adapters);
    const publisher = createPublisher(hub);
    const { flush, publish } = publisher;
    const echo = createEcho(hub, publish);
    const shared = { hub, post: collector.through(publisher), flush, echo, adapters };
    streams.set(prefix, shared);
    return shared;
  };

  // A function, not an arrow: Socket.IO calls it with `new`.
  function factory(namespace: Namespace): RecoveringAdapter {
    const prefix = prefixOf(namespace.name);
    const { hub, post, flush, adapters } = streams.get(prefix) ?? open(prefix, namespace);
    const requests = createRequestClient(hub, flush) as never;
    const adapter = new RecoveringAdapter(namespace, hub, requests, post);
    rememberOwnRequests(adapter);
    adapters.set(namespace.name, adapter);
    const { close } = adapter;
    adapter.close = async () => {
      // At once: a namespace of the same name may be made while this one is closed.
      if (adapters.get(namespace.name) === adapter) adapters.delete(namespace.name);
      const last = adapters.size === 0 && streams.get(prefix)?.hub === hub;
      if (last) streams.delete(prefix);
      await close.call(adapter);
      if (last) await hub.close();
    };
    return adapter;
  }
  const main = () => streams.get(prefixOf('/')) as Shared; // every server has this namespace
  const hubs = () => [...streams.values()].map(({ hub }) => hub);
  return Object.assign(factory, {
    publish: collector.collect,
    key: (name: string) => `${prefixOf('/')}:${name}`,
    async recorded(key: string, before: string, count: number) {
      return main().hub.connections.newest(key, before, count);
    },
    echo: () => main().echo(),
    ready: async () => void (await Promise.all(hubs().map((hub) => hub.ready()))),
    isUp: () => hubs().every(({ connections }) => connections.main() !== undefined),
  });
}

/** Knows what an `emit` has published, though Socket.IO's methods do not say. */
function createCollector() {
  let collecting: { published: Promise<Published>[]; extras: Extras } | undefined;
  return {
    through:
      ({ post, publish }: Publisher) =>
      (message: Message) => {
        if (!collecting) return post(message);
        const { published, extras } = collecting;
        if (published.length > 0 && Object.keys(extras).length > 0) {
          throw new Error('extras are for one message: emit once, in one namespace');
        }
        const outcome = publish(extend(message, extras));
        outcome.catch(() => {}); // whoever collects hears of it, unless `emit` throws
        published.push(outcome);
      },
    collect(emit: () => void, extras: Extras = {}): Promise<Published[]> {
      collecting = { published: [], extras };
      const { published } = collecting;
      try {
        emit();
      } finally {
        collecting = undefined;
      }
      return Promise.all(published);
    },
  };
}

function hubFor(
  { server }: Namespace,
  locator: Locator,
  prefix: string,
  options: AdapterOptions,
  adapters: Map<string, RecoveringAdapter>,
): Hub {
  const recovery = Reflect.get(server, 'opts').connectionStateRecovery;
  const windowMs = recovery?.maxDisconnectionDuration ?? windowMsDefault;
  const hub = createHub({ locator, prefix }, options, windowMs);
  const all = () => [...adapters.values()];
  watchNotices(hub, adapters);
  hub.catchWith({
    check: () => checkPosition(hub),
    async catchUp() {
      const sources = all().flatMap(({ channels }) => channels.catchUpSources());
      return catchUp(hub, sources, () => {
        for (const adapter of all()) adapter.keeper.forgetAll();
      });
    },
    caughtUp() {
      for (const { channels, keeper } of all()) {
        channels.caughtUp();
        keeper.saveAll();
      }
    },
  });
  return hub;
}

/** Told by a claim that another process has a session now. */
function watchNotices(hub: Hub, adapters: Map<string, RecoveringAdapter>): void {
  void hub.subscriptions.add(hub.keys.processes + hub.processId, undefined, (_, payload) => {
    const [epoch = '', ...rest] = payload.toString().split(' ');
    const { namespace, pid } = JSON.parse(rest.join(' '));
    const adapter = adapters.get(namespace);
    for (const session of adapter?.sessions.values() ?? []) {
      if (session.pid === pid && session.epoch < Number(epoch)) adapter?.retire(session);
    }
  });
}
