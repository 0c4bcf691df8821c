// The channels this process listens to. What becomes of them when Redis goes and comes back: each
// is subscribed anew on the new connection, which knows of none.
import { type Connections, RedisUnavailable } from './connections.ts';
import type { Id } from './entry.ts';
import type { Client } from './locate.ts';

export interface Subscription {
  readonly channel: string;
  /** The log behind the channel; `undefined`: it has none of its own. */
  readonly log: string | undefined;
  state: 'attaching' | 'active' | 'failed';
  /** What is published after it arrives here, or is read when Redis is back. */
  since: Id;
  ready: Promise<void>;
  receive(id: Id, payload: Buffer): void;
}

const notYet: Id = '9999999999999999'; // after every id

type Listener = (message: Buffer, channel: Buffer) => void;

/** Something to be subscribed on every connection. */
interface Attachable {
  channel: string;
  pattern: boolean;
  listener: Listener;
  /** Where it is subscribed, or about to be. */
  on?: { client: Client; done: Promise<void> } | undefined;
}

/** @param arrive told every message, in the order in which Redis sent them */
export function createSubscriptions(
  { main, opened }: Connections,
  arrive: (subscription: Subscription, message: Buffer) => void,
  failed: (error: unknown) => void,
) {
  const known = new Map<string, Subscription & Attachable>();
  const attach = async (attachable: Attachable) => {
    if (!main()) await opened; // else at once: before what is published from now on
    await subscribe(attachable, main());
  };
  const detach = (attachable: Attachable) => unsubscribe(attachable).catch(failed);
  const foreign = createForeign((attachable) => attach(attachable).catch(failed), detach);
  const begin = (subscription: Subscription & Attachable) => {
    subscription.ready = attach(subscription).then(() => {
      subscription.state = 'active';
      if (known.get(subscription.channel) !== subscription) detach(subscription); // left meanwhile
    });
    subscription.ready.catch((error) => {
      if (subscription.state !== 'active') subscription.state = 'failed';
      subscription.on = undefined;
      failed(error);
    });
  };

  return {
    /** Whether all that is published after the position arrives, or is read. */
    listens: (channel: string, position: Id) => (known.get(channel)?.since ?? notYet) <= position,
    listensSince(channel: string, id: Id): void {
      const one = known.get(channel);
      if (one && id < one.since) one.since = id;
    },
    add(channel: string, log: string | undefined, receive: Subscription['receive']): Promise<void> {
      let subscription = known.get(channel);
      if (!subscription) {
        subscription = created(channel, log, receive, arrive);
        known.set(channel, subscription);
        begin(subscription);
      }
      return subscription.ready;
    },
    /** Of the attempt that is under way or was the last. */
    ready: async (channel: string) => known.get(channel)?.ready,
    remove(channel: string): void {
      const subscription = known.get(channel);
      known.delete(channel);
      if (subscription?.state === 'active') detach(subscription);
    },
    ...foreign,
    /** Resolves to all when they are active; to be called after each connect. */
    async renew(): Promise<Subscription[]> {
      foreign.attachAll();
      const subscriptions = [...known.values()];
      for (const subscription of subscriptions) {
        if (subscription.on?.client !== main()) begin(subscription);
      }
      await Promise.all(subscriptions.map(({ ready }) => ready));
      return subscriptions;
    },
  };
}

/** What the base class listens to: messages as they come, past everything else. */
function createForeign(attach: (one: Attachable) => void, detach: (one: Attachable) => void) {
  const listeners = new Set<Attachable>();
  return {
    attachAll: () => listeners.forEach(attach),
    listen(channel: string, listener: Listener, pattern: boolean): void {
      const one = { channel, listener, pattern };
      listeners.add(one);
      attach(one);
    },
    unlisten(channel: string, listener: Listener): void {
      for (const one of listeners) {
        if (one.channel !== channel || one.listener !== listener) continue;
        listeners.delete(one);
        detach(one);
      }
    },
  };
}

function created(
  channel: string,
  log: string | undefined,
  receive: Subscription['receive'],
  arrive: (subscription: Subscription, message: Buffer) => void,
): Subscription & Attachable {
  const subscription: Subscription & Attachable = {
    channel,
    log,
    state: 'attaching',
    since: notYet,
    ready: Promise.resolve(),
    receive,
    pattern: false,
    listener: (message) => arrive(subscription, message),
  };
  return subscription;
}

async function subscribe(attachable: Attachable, client: Client | undefined): Promise<void> {
  if (!client) throw new RedisUnavailable('Redis is away');
  const { pattern, channel, listener } = attachable;
  if (attachable.on?.client !== client) {
    const send = client[pattern ? 'pSubscribe' : 'subscribe'].bind(client);
    attachable.on = { client, done: send(channel, listener as never, true) };
  }
  await attachable.on.done;
}

async function unsubscribe({ channel, pattern, listener, on }: Attachable): Promise<void> {
  if (!on?.client.isOpen) return; // nothing is subscribed on the next one
  const send = on.client[pattern ? 'pUnsubscribe' : 'unsubscribe'].bind(on.client);
  await send(channel, listener as never, true);
}
