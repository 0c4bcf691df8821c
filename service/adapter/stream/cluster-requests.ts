// The Redis client of the base adapter, for requests between servers and messages from emitters.
// The base drops the promises of its commands, so errors are caught here. Subscriptions survive
// reconnects.
import type { RedisAdapter } from '@socket.io/redis-adapter';
import { type Id, idLength, isId } from '../delivery/envelope.ts';
import type { BusListener } from '../engine/engine.ts';
import { stockKeyOf } from '../options.ts';
import { ackRequestsOf, wrapRequests, wrapServerSideEmitWithAck } from '../socketio-internals.ts';
import { isBridged } from './bridge.ts';
import type { Channels } from './channels.ts';
import type { Stream } from './stream.ts';

/** @param flushPublishes sends the messages that were emitted before the request */
export function createRequestClient(stream: Stream, flushPublishes: () => void): object {
  const { bus, options } = stream;
  const failed = (error: unknown) => options.observer.failed('request', error);
  const pattern = `${stockKeyOf(options)}#*`; // shared by all namespaces, which filter it
  return {
    publish(channel: string, message: string | Buffer): void {
      flushPublishes();
      bus.publish(channel, withPosition(message, stream.least())).catch(failed);
    },
    subscribe(channels: string[], listener: BusListener): void {
      for (const channel of channels) bus.listen(channel, listener, false);
    },
    unsubscribe: (channel: string, listener: BusListener) => bus.unlisten(channel, listener),
    pSubscribe: (_: string, listener: BusListener) => bus.listen(pattern, listener, true),
    pUnsubscribe: (_: string, listener: BusListener) => bus.unlisten(pattern, listener),
    sSubscribe() {}, // the base detects node-redis by this method
    /** The base class only sends `PUBSUB NUMSUB channel`. */
    sendCommand: async ([, , channel = '']: string[]) => [channel, await bus.listeners(channel)],
    on() {}, // errors are handled already, and each namespace would add a listener
    off() {},
  };
}

const ownRequestMsMax = 15_000;

/**
 * The base adapter receives its own acknowledgement requests, and ignores them until they time out.
 * In a process that was frozen the timeout fires first, and its clients would be asked a second
 * time.
 */
export function rememberOwnRequests(adapter: RedisAdapter): void {
  const asked = ackRequestsOf(adapter);
  const forget = asked.delete.bind(asked);
  asked.delete = (id: string) => {
    setTimeout(forget, ownRequestMsMax, id).unref();
    return asked.has(id);
  };
}

const positionKey = ',"position":"';
const endLength = positionKey.length + idLength + '"}'.length;

/** Adds to a request when it was made. Stock servers ignore it. Other messages are not JSON. */
function withPosition(message: string | Buffer, position: Id): string | Buffer {
  const isRequest = typeof message === 'string' && message.endsWith('}') && position !== '';
  return isRequest ? `${message.slice(0, -1)}${positionKey}${position}"}` : message;
}

function positionOf(request: unknown): Id | undefined {
  if (!Buffer.isBuffer(request)) return undefined;
  const end = request.toString('latin1', request.length - endLength);
  if (!end.startsWith(positionKey)) return undefined;
  const position = end.slice(positionKey.length, -'"}'.length);
  return isId(position) ? position : undefined;
}

const messageArguments = 3; // requests have two: without the pattern

/** Delivers earlier messages before a request from another process runs. */
export function beforeRequests(
  adapter: RedisAdapter & { readonly channels: Pick<Channels, 'joinAt'> },
  stream: Stream,
): void {
  const { arrivals, stock, options } = stream;
  const { failed } = options.observer;
  wrapRequests(adapter, (receive) => async (...request) => {
    try {
      if (isBridged(request.at(-1))) return;
      if (request.length === messageArguments) stock.arrived(request.at(-1), stream.arrived());
      arrivals.flush();
      const position = positionOf(request.at(-1));
      const run = () => receive(...request);
      await (position === undefined ? run() : adapter.channels.joinAt(position, run));
    } catch (error) {
      failed('request', error); // malformed, or its handler threw
    }
  });
}

/** Handles rejections that the base class drops or leaves unhandled while Redis is unavailable. */
export function answerFailures(adapter: RedisAdapter): void {
  const count = adapter.serverCount.bind(adapter);
  const broadcast = adapter.broadcastWithAck.bind(adapter);
  let broadcasting = false; // Socket.IO calls `serverCount` in the same step, and does not catch
  adapter.broadcastWithAck = (...args) => {
    broadcasting = true;
    queueMicrotask(() => {
      broadcasting = false;
    });
    broadcast(...args);
  };
  // With an unknown count the answers are never complete, so the caller runs into its timeout.
  adapter.serverCount = () => (broadcasting ? count().catch(() => Number.NaN) : count());
  wrapServerSideEmitWithAck(adapter, (ask) => async (...args) => {
    const [packet] = args as [unknown[]];
    const answer = packet.at(-1) as (error: unknown, responses: unknown[]) => void;
    await ask(packet).catch((error: unknown) => answer(error, []));
  });
}
