// The client that the base adapter gets for its requests between servers and for messages of
// emitters. It drops the promises of its commands, so they are caught here; what it subscribes to
// lasts.
import type { RedisAdapter } from '@socket.io/redis-adapter';
import type { Hub } from './stream/stream.ts';

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
    unsubscribe(channel: string, listener: Listener): void {
      subscriptions.unlisten(channel, listener);
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
export function beforeRequests(adapter: RedisAdapter, { turn, options }: Hub): void {
  const { failed } = options.observer;
  for (const name of ['onrequest', 'onmessage']) {
    const receive = Reflect.get(adapter, name);
    Reflect.set(adapter, name, async (...request: unknown[]) => {
      try {
        turn.flush();
        await receive.apply(adapter, request);
      } catch (error) {
        failed('request', error); // malformed, or a handler of it threw
      }
    });
  }
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
  const ask = Reflect.get(adapter, 'serverSideEmitWithAck');
  Reflect.set(adapter, 'serverSideEmitWithAck', async (packet: unknown[]) => {
    const answer = packet.at(-1) as (error: unknown, responses: unknown[]) => void;
    await ask.call(adapter, packet).catch((error: unknown) => answer(error, []));
  });
}
