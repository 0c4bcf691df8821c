// How replicas reach each other's clients: the one seam between the service and its adapter.
import { createAdapter } from '@socket.io/redis-adapter';
import type { ServerOptions } from 'socket.io';
import { Unavailable } from '../protocol.ts';
import type { Redis } from './redis.ts';

export interface Broadcast {
  /** For the `adapter` option of Socket.IO; `undefined`: its own, in memory. */
  adapter: ServerOptions['adapter'] | undefined;
  /** Whether sessions are kept, so that lost connections come back whole. */
  recovers: boolean;
  /** Runs `emit` and resolves when what it published is in Redis, else with `Unavailable`. */
  publish(emit: () => void): Promise<void>;
}

type Report = (stage: string, error: unknown) => void;

export const memoryBroadcast: Broadcast = {
  adapter: undefined,
  recovers: true,
  publish: async (emit) => emit(),
};

/**
 * The stock Redis adapter. It drops the promises of `publish` and `subscribe`, and a rejection
 * that nobody handles would end the process: the clients it gets catch them.
 */
export function redisBroadcast(redis: Redis, report: Report): Broadcast {
  const underWay = new Set<Promise<unknown>>();
  const publisher = intercept(redis.client, {
    publish(channel: string, message: string | Buffer) {
      const sent = redis.run((client) => client.publish(channel, message));
      underWay.add(sent);
      sent.catch((error) => report('adapter_publish', error)).finally(() => underWay.delete(sent));
      return sent;
    },
  });
  const caught =
    (method: 'subscribe' | 'pSubscribe' | 'unsubscribe' | 'pUnsubscribe') =>
    (...args: never[]) =>
      (redis.subscriber[method] as (...args: never[]) => Promise<unknown>)(...args).catch((error) =>
        report('adapter_subscribe', error),
      );
  const subscriber = intercept(redis.subscriber, {
    subscribe: caught('subscribe'),
    pSubscribe: caught('pSubscribe'),
    unsubscribe: caught('unsubscribe'),
    pUnsubscribe: caught('pUnsubscribe'),
  });
  return {
    adapter: createAdapter(publisher, subscriber),
    recovers: false,
    async publish(emit) {
      if (!redis.client.isReady) throw new Unavailable('Redis is away');
      const before = new Set(underWay);
      emit();
      await Promise.all([...underWay].filter((sent) => !before.has(sent)));
    },
  };
}

/** The object with some methods replaced; the others keep their own `this`. */
function intercept<T extends object>(target: T, methods: Record<string, unknown>): T {
  return new Proxy(target, {
    get(_, name) {
      if (typeof name === 'string' && name in methods) return methods[name];
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
