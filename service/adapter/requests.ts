// The client that the base adapter gets for its requests between servers and for messages of
// emitters. It drops the promises of its commands, so they are caught here; what it subscribes to
// lasts.
import type { RedisAdapter } from '@socket.io/redis-adapter';
import type { Hub } from './hub.ts';

type Listener = (message: Buffer, channel: Buffer) => void;

/** @param flushPublishes sends the messages that were emitted before a request */
export function createRequestClient(
  { connections, subscriptions, options }: Hub,
  flushPublishes: () => void,
): object {
  const failed = (error: unknown) => options.observer.failed('request', error);
  const pattern = `${options.key}#*`; // one for all namespaces, each ignores what is not its own
  return {
    publish(channel: string, message: string | Buffer): void {
      connections.onceOpened(() => {
        flushPublishes();
        connections.use((main) => main.publish(channel, message)).catch(failed);
      });
    },
    subscribe(channels: string[], listener: Listener): void {
      for (const channel of channels) subscriptions.listen(channel, listener, false);
    },
    unsubscribe(channels: string[], listener: Listener): void {
      for (const channel of channels) subscriptions.unlisten(channel, listener);
    },
    pSubscribe: (_: string, listener: Listener) => subscriptions.listen(pattern, listener, true),
    pUnsubscribe: (_: string, listener: Listener) => subscriptions.unlisten(pattern, listener),
    sSubscribe() {}, // by it the base knows node-redis
    sendCommand: (args: string[]) =>
      connections.opened.then(() => connections.use((main) => main.sendCommand(args))),
    on() {}, // errors are observed already, and each namespace would add a listener
    off() {},
  };
}

const echoMsMax = 15_000;

/**
 * The base adapter hears its own requests for acknowledgements, and ignores those whose time is not
 * over. A process that was frozen sees the end of that time first, and would ask its clients again.
 */
export function rememberOwnRequests(adapter: object): void {
  const asked: unknown = Reflect.get(adapter, 'ackRequests');
  if (!(asked instanceof Map)) {
    throw new Error('this version of @socket.io/redis-adapter has other internals; use 8.3');
  }
  const forget = asked.delete.bind(asked);
  asked.delete = (id: string) => {
    setTimeout(forget, echoMsMax, id).unref();
    return asked.has(id);
  };
}

/** What came before a request of another process is before it for the sockets, too. */
export function beforeRequests(adapter: RedisAdapter, flush: () => void): void {
  const onRequest = Reflect.get(adapter, 'onrequest');
  Reflect.set(adapter, 'onrequest', (...request: unknown[]) => {
    flush();
    return onRequest.apply(adapter, request);
  });
}
