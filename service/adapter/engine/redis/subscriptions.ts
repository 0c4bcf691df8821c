// The channels that this process is subscribed to. They are renewed on every new connection, many
// per command, because a process may have a hundred thousand rooms.
import type { Id } from '../../delivery/envelope.ts';
import type { BusListener, Receive, Subscription } from '../engine.ts';
import type { Client } from './client.ts';
import type { Connections } from './connections.ts';

const channelsAtOnce = 500; // in one SUBSCRIBE

interface Known {
  channel: string;
  receive: Receive;
  log: string | undefined;
  ready: Promise<Id>;
}

interface Parts {
  /** Reads the newest id. */
  position(client: Client): Promise<Id>;
  /** Handles a raw message from a channel. */
  arrived(known: Pick<Known, 'channel' | 'receive' | 'log'>, message: Buffer): void;
  failed(error: unknown): void;
}

export function createSubscriptions({ main, use, opened }: Connections, parts: Parts) {
  const known = new Map<string, Known>();
  const leaving = new Set<string>();
  // One listener for all channels, so that one command can subscribe many.
  const listener: BusListener = (message, channel) => {
    const subscription = known.get(String(channel));
    if (subscription) parts.arrived(subscription, message);
  };
  const attach = (channels: string[]): Promise<Id> =>
    use(async (client) => {
      // Subscribes first, so that every message after the position arrives.
      const subscribed = client.subscribe(channels, listener, true);
      const [position] = await Promise.all([parts.position(client), subscribed]);
      return position;
    });
  const attaching = coalesce(attach);
  const begin = (subscription: Known, attempt: Promise<Id>) => {
    subscription.ready = attempt;
    attempt.catch(() => {}); // callers that wait for it handle the error
  };
  const detach = () => {
    const channels = [...leaving].filter((channel) => !known.has(channel));
    leaving.clear();
    const client = main();
    if (!client) return; // nothing is subscribed on the next connection
    for (const some of chunks(channels)) {
      client.unsubscribe(some, listener, true).catch(parts.failed);
    }
  };

  return {
    subscribe(channel: string, log: string | undefined, receive: Receive): Subscription {
      const subscription: Known = { channel, receive, log, ready: Promise.resolve('') };
      known.set(channel, subscription);
      const attempt = main() ? attaching.add(channel) : opened.then(() => attaching.add(channel));
      begin(subscription, attempt);
      attempt.catch(parts.failed);
      return {
        get ready() {
          return subscription.ready;
        },
        close() {
          if (known.get(channel) !== subscription) return;
          known.delete(channel);
          if (leaving.size === 0) setImmediate(detach);
          leaving.add(channel);
        },
      };
    },
    /** Sends the pending subscriptions now, before an operation that must follow them. */
    flush: attaching.flush,
    /** Resolves once all subscriptions are active on a new connection. */
    async renew(): Promise<void> {
      for (const some of chunks([...known.keys()])) {
        const attempt = attach(some);
        for (const channel of some) {
          const subscription = known.get(channel); // gone if it was closed since
          if (subscription) begin(subscription, attempt);
        }
        await attempt;
      }
    },
  };
}

export const chunks = <T>(items: T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / channelsAtOnce) }, (_, i) =>
    items.slice(i * channelsAtOnce, (i + 1) * channelsAtOnce),
  );

/** Combines the calls of one step into one. */
function coalesce(act: (channels: string[]) => Promise<Id>) {
  let waiting: { channels: string[]; result: PromiseWithResolvers<Id> } | undefined;
  const flush = () => {
    if (!waiting) return;
    const { channels, result } = waiting;
    waiting = undefined;
    Promise.all(chunks(channels).map(act)).then(
      // The newest: by then all chunks are subscribed.
      (positions) => result.resolve(positions.at(-1) as Id),
      result.reject,
    );
  };
  const add = (channel: string): Promise<Id> => {
    if (!waiting) {
      waiting = { channels: [], result: Promise.withResolvers() };
      queueMicrotask(flush);
    }
    waiting.channels.push(channel);
    return waiting.result.promise;
  };
  return { add, flush };
}
