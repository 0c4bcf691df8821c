// The channels this process listens to, and what becomes of them when Redis goes and comes back:
// node-redis renews those it had; those that failed meanwhile are made here.
import type { Connections } from './connections.ts';
import type { Id } from './entry.ts';

export interface Subscription {
  readonly channel: string;
  /** The log behind the channel; `undefined`: it has none of its own. */
  readonly log: string | undefined;
  /** `active`: messages arrive, and a join from now on starts at `hub.lastSeen()`. */
  state: 'attaching' | 'active' | 'failed';
  ready: Promise<void>;
  receive(id: Id, payload: Buffer): void;
  detach(): void;
}

type Listener = (message: Buffer) => void;

/** @param arrive told every message, in the order in which Redis sent them */
export function createSubscriptions(
  connections: Connections,
  arrive: (subscription: Subscription, message: Buffer) => void,
  failed: (error: unknown) => void,
) {
  const known = new Map<string, Subscription>();
  const { main, opened } = connections;

  // Without the listener node-redis forgets that it unsubscribes, and drops what comes next.
  const detach = (channel: string, listener: Listener) => {
    if (main.isOpen) main.unsubscribe(channel, listener, true).catch(failed);
  };
  const attach = (subscription: Subscription) => {
    const { channel } = subscription;
    const listener: Listener = (message) => arrive(subscription, message);
    subscription.detach = () => detach(channel, listener);
    subscription.state = 'attaching';
    subscription.ready = opened
      .then(() => main.subscribe(channel, listener, true))
      .then(() => {
        subscription.state = 'active';
        if (known.get(channel) !== subscription) subscription.detach(); // left meanwhile
      });
    subscription.ready.catch((error) => {
      subscription.state = 'failed';
      failed(error);
    });
  };

  return {
    isActive: (channel: string) => known.get(channel)?.state === 'active',
    add(channel: string, log: string | undefined, receive: Subscription['receive']): Promise<void> {
      let subscription = known.get(channel);
      if (!subscription) {
        const ready = Promise.resolve();
        subscription = { channel, log, state: 'attaching', ready, receive, detach() {} };
        known.set(channel, subscription);
        attach(subscription);
      }
      return subscription.ready;
    },
    /** Of the attempt that is under way or was the last. */
    ready: async (channel: string) => known.get(channel)?.ready,
    remove(channel: string): void {
      const subscription = known.get(channel);
      known.delete(channel);
      if (subscription?.state === 'active') subscription.detach();
    },
    /** Resolves when all are active; to be called after a reconnect. */
    async renew(): Promise<void> {
      for (const subscription of known.values()) {
        if (subscription.state === 'failed') attach(subscription);
      }
      await Promise.all([...known.values()].map(({ ready }) => ready));
    },
  };
}
