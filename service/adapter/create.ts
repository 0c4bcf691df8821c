// `createAdapter(redisClient, options)`, the form of the ecosystem's adapters.
import type { Namespace } from 'socket.io';
import { RecoveringAdapter } from './adapter.ts';
import type { RedisClient } from './connections.ts';
import { createHub, type Hub } from './hub.ts';
import { type AdapterOptions, defaultOptions, type Observer } from './options.ts';
import { createPublisher, type Message, type Published } from './publish.ts';
import { createRequestClient } from './requests.ts';
import { catchUp } from './resync.ts';

type Given = Partial<Omit<AdapterOptions, 'observer'>> & { observer?: Partial<Observer> };
type Extras = Pick<Message, 'record' | 'once'>;

export interface AdapterFactory {
  (namespace: Namespace): RecoveringAdapter;
  /**
   * Runs `emit`, synchronously, and resolves when Redis has what it published, with an outcome for
   * each message; with extras it is to be one. Rejects with `RedisUnavailable`.
   */
  publish(emit: () => void, extras?: Extras): Promise<Published[]>;
  /** The full name of a key for the extras. */
  key(name: string): string;
  /** Resolves when sessions can be restored: Redis is there, and nothing is left to catch up. */
  ready(): Promise<void>;
}

const windowMsDefault = 120_000;

/** For the `adapter` option of a Socket.IO server; the client is duplicated, not used itself. */
export function createAdapter(client: RedisClient, given: Given = {}): AdapterFactory {
  const observer = { ...defaultOptions.observer, ...given.observer };
  const options: AdapterOptions = { ...defaultOptions, ...given, observer };
  const adapters = new Map<string, RecoveringAdapter>();
  let shared: Hub | undefined;
  let publish: ReturnType<typeof publishWith> | undefined;
  let collecting: { published: Promise<Published>[]; extras: Extras } | undefined;

  const publishWith = (toRedis: ReturnType<typeof createPublisher>) => (message: Message) => {
    const { published, extras } = collecting ?? { published: [], extras: {} };
    if (published.length > 0 && Object.keys(extras).length > 0) {
      throw new Error('extras are for one message: emit once, in one namespace');
    }
    published.push(toRedis({ ...message, ...extras }));
    return published.at(-1) as Promise<Published>;
  };

  // A function, not an arrow: Socket.IO calls it with `new`.
  function factory(namespace: Namespace): RecoveringAdapter {
    const hub = shared ?? hubFor(namespace, client, options, adapters);
    shared = hub;
    publish ??= publishWith(createPublisher(hub));
    const requests = createRequestClient(hub) as never;
    const adapter = new RecoveringAdapter(namespace, hub, requests, publish);
    adapters.set(namespace.name, adapter);
    const { close } = adapter;
    adapter.close = async () => {
      await close.call(adapter);
      adapters.delete(namespace.name);
      if (adapters.size > 0) return;
      shared = publish = undefined;
      await hub.close();
    };
    return adapter;
  }
  return Object.assign(factory, {
    publish(emit: () => void, extras: Extras = {}) {
      collecting = { published: [], extras };
      const { published } = collecting;
      try {
        emit();
      } finally {
        collecting = undefined;
      }
      return Promise.all(published);
    },
    key: (name: string) => `${options.key}:${name}`,
    ready: async () => shared?.live(),
  });
}

/** What all namespaces of one server share. */
function hubFor(
  { server }: Namespace,
  client: RedisClient,
  options: AdapterOptions,
  adapters: Map<string, RecoveringAdapter>,
): Hub {
  const recovery = Reflect.get(server, 'opts').connectionStateRecovery;
  const hub = createHub(client, options, recovery?.maxDisconnectionDuration ?? windowMsDefault);
  const all = () => [...adapters.values()];
  watchNotices(hub, adapters);
  hub.catchWith({
    catchUp: () =>
      catchUp(
        hub,
        all().flatMap(({ channels }) => channels.catchUpSources()),
      ),
    caughtUp() {
      for (const adapter of all()) adapter.saveAll();
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
