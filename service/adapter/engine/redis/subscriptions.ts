// The channels that this process is subscribed to. They are renewed on every new connection, many
// per command, because a process may have a hundred thousand rooms.
import type { Id } from '../../delivery/envelope.ts';
import type { BusListener, LogPosition, Receive, Subscription } from '../engine.ts';
import type { Client } from './client.ts';
import type { Connections } from './connections.ts';

const channelsAtOnce = 500; // in one SUBSCRIBE
const retryMs = 200;

interface Known {
  channel: string;
  receive: Receive;
  log: string | undefined;
  after: Id | undefined;
  ready: Promise<Id>;
}

/** A position after SUBSCRIBE, and the logs that had something after the id that was given. */
interface Start {
  position: Id;
  behind: Set<string>;
}

interface Parts {
  /** Reads the newest id, and which logs have something after an id. */
  position(client: Client, logs: LogPosition[]): Promise<{ position: Id; behind: LogPosition[] }>;
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
  const { attach, add, flush } = createAttaching(use, known, listener, parts);
  /** Repeats a failed attempt, unless the next connection does. */
  const start = (subscription: Known) => {
    const { channel } = subscription;
    const attempt = main() ? add(channel) : opened.then(() => add(channel));
    const ready = begin(subscription, attempt);
    const repeat = () => {
      const isLast = known.get(channel) === subscription && subscription.ready === ready;
      if (isLast && main()) start(subscription);
    };
    ready.catch((error) => {
      parts.failed(error);
      setTimeout(repeat, retryMs).unref();
    });
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
    subscribe(channel: string, log: string | undefined, receive: Receive, after?: Id) {
      const subscription: Known = { channel, receive, log, after, ready: Promise.resolve('') };
      known.set(channel, subscription);
      start(subscription);
      const close = () => {
        if (known.get(channel) !== subscription) return;
        known.delete(channel);
        if (leaving.size === 0) setImmediate(detach);
        leaving.add(channel);
      };
      return {
        get ready() {
          return subscription.ready;
        },
        close,
      } satisfies Subscription;
    },
    /** Sends the pending subscriptions now, before an operation that must follow them. */
    flush,
    /** Resolves once all subscriptions are active on a new connection. */
    async renew(): Promise<void> {
      for (const subscription of known.values()) subscription.after = undefined; // logs are read
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

/** Makes this the current attempt of a subscription. */
function begin(subscription: Known, attempt: Promise<Start>): Promise<Id> {
  const { log, after } = subscription;
  const ready = attempt.then(({ position, behind }) => {
    // An id beyond the newest one comes from before the clock was set back.
    const isKnown = log !== undefined && after !== undefined && after <= position;
    return isKnown && !behind.has(log) ? after : position;
  });
  subscription.ready = ready;
  ready.catch(() => {}); // callers that wait for it handle the error
  return ready;
}

/** Subscribes to channels, and reads from where on their messages arrive. */
function createAttaching(
  use: Connections['use'],
  known: Map<string, Known>,
  listener: BusListener,
  { position }: Pick<Parts, 'position'>,
) {
  const attach = (channels: string[]): Promise<Start> =>
    use(async (client) => {
      // Subscribes first, so that every message after the position arrives.
      const subscribed = client.subscribe(channels, listener, true);
      const logs = channels.flatMap((channel) => {
        const { log, after } = known.get(channel) ?? {};
        return log !== undefined && after !== undefined ? [{ log, after }] : [];
      });
      const [read] = await Promise.all([position(client, logs), subscribed]);
      return { ...read, behind: new Set(read.behind.map(({ log }) => log)) };
    });
  const attachAll = async (channels: string[]): Promise<Start> => {
    const starts = await Promise.all(chunks(channels).map(attach));
    const behind = new Set(starts.flatMap((start) => [...start.behind]));
    return { position: starts.at(-1)?.position as Id, behind }; // by then all are subscribed
  };
  return { attach, ...coalesce(attachAll) };
}

export const chunks = <T>(items: T[]): T[][] =>
  Array.from({ length: Math.ceil(items.length / channelsAtOnce) }, (_, i) =>
    items.slice(i * channelsAtOnce, (i + 1) * channelsAtOnce),
  );

/** Combines the calls of one step into one. */
function coalesce<T>(act: (channels: string[]) => Promise<T>) {
  let waiting: { channels: string[]; result: PromiseWithResolvers<T> } | undefined;
  const flush = () => {
    if (!waiting) return;
    const { channels, result } = waiting;
    waiting = undefined;
    act(channels).then(result.resolve, result.reject);
  };
  const add = (channel: string): Promise<T> => {
    if (!waiting) {
      waiting = { channels: [], result: Promise.withResolvers() };
      queueMicrotask(flush);
    }
    waiting.channels.push(channel);
    return waiting.result.promise;
  };
  return { add, flush };
}
