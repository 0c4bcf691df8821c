// The client that the base adapter gets for its requests between servers and for messages of
// emitters. It drops the promises of its commands, so they are caught here; what it subscribes to
// lasts.
import type { RedisAdapter } from '@socket.io/redis-adapter';
import type { BusListener } from './engine.ts';
import { ackRequestsOf, wrapRequests, wrapServerSideEmitWithAck } from './socketio-internals.ts';
import type { Stream } from './stream/stream.ts';

/** @param flushPublishes sends the messages that were emitted before a request */
export function createRequestClient({ bus, options }: Stream, flushPublishes: () => void): object {
  const failed = (error: unknown) => options.observer.failed('request', error);
  const pattern = `${options.key}#*`; // one for all namespaces, each ignores what is not its own
  return {
    publish(channel: string, message: string | Buffer): void {
      flushPublishes();
      bus.publish(channel, message).catch(failed);
    },
    subscribe(channels: string[], listener: BusListener): void {
      for (const channel of channels) bus.listen(channel, listener, false);
    },
    unsubscribe: (channel: string, listener: BusListener) => bus.unlisten(channel, listener),
    pSubscribe: (_: string, listener: BusListener) => bus.listen(pattern, listener, true),
    pUnsubscribe: (_: string, listener: BusListener) => bus.unlisten(pattern, listener),
    sSubscribe() {}, // by it the base knows node-redis
    /** The base class only sends `PUBSUB NUMSUB channel`. */
    sendCommand: async ([, , channel = '']: string[]) => [channel, await bus.listeners(channel)],
    on() {}, // errors are observed already, and each namespace would add a listener
    off() {},
  };
}

const ownRequestMsMax = 15_000;

/**
 * The base adapter hears its own requests for acknowledgements, and ignores those whose time is not
 * over. A process that was frozen sees the end of that time first, and would ask its clients again.
 */
export function rememberOwnRequests(adapter: RedisAdapter): void {
  const asked = ackRequestsOf(adapter);
  const forget = asked.delete.bind(asked);
  asked.delete = (id: string) => {
    setTimeout(forget, ownRequestMsMax, id).unref();
    return asked.has(id);
  };
}

/** What came before a request of another process is before it for the sockets, too. */
export function beforeRequests(adapter: RedisAdapter, { arrivals, options }: Stream): void {
  const { failed } = options.observer;
  wrapRequests(adapter, (receive) => async (...request) => {
    try {
      arrivals.flush();
      await receive(...request);
    } catch (error) {
      failed('request', error); // malformed, or a handler of it threw
    }
  });
}

/** While Redis is away the base class drops these rejections, or leaves them to end the process. */
export function answerFailures(adapter: RedisAdapter): void {
  const count = adapter.serverCount.bind(adapter);
  const broadcast = adapter.broadcastWithAck.bind(adapter);
  let broadcasting = false; // Socket.IO counts the servers in the same step, and catches nothing
  adapter.broadcastWithAck = (...args) => {
    broadcasting = true;
    queueMicrotask(() => {
      broadcasting = false;
    });
    broadcast(...args);
  };
  // An unknown number of answers is never complete: whoever waits for them has a timeout.
  adapter.serverCount = () => (broadcasting ? count().catch(() => Number.NaN) : count());
  wrapServerSideEmitWithAck(adapter, (ask) => async (...args) => {
    const [packet] = args as [unknown[]];
    const answer = packet.at(-1) as (error: unknown, responses: unknown[]) => void;
    await ask(packet).catch((error: unknown) => answer(error, []));
  });
}
