// Raw messages through Redis: requests between servers, and messages from emitters.
import type { Bus, BusListener } from '../engine.ts';
import type { Client } from './client.ts';
import type { Connections } from './connections.ts';

/** A subscription that is renewed on every connection. */
interface Listening {
  channel: string;
  listener: BusListener;
  pattern: boolean;
}

export function createBus(
  { main, onceOpened, use, opened }: Connections,
  flushSubscriptions: () => void,
  failed: (error: unknown) => void,
): Bus & { renew(): void } {
  const listening = new Set<Listening>();
  const attach = ({ channel, listener, pattern }: Listening) => {
    const client = main();
    if (!client) return;
    const subscribe = pattern ? client.pSubscribe : client.subscribe;
    subscribe.call(client, channel, listener as never, true).catch(failed);
  };
  return {
    publish: (channel, message) =>
      new Promise((resolve, reject) => {
        onceOpened(() => {
          flushSubscriptions();
          use((client: Client) => client.publish(channel, message)).then(resolve, reject);
        });
      }),
    listen(channel, listener, pattern) {
      const one = { channel, listener, pattern };
      listening.add(one);
      attach(one);
    },
    unlisten(channel, listener) {
      for (const one of listening) {
        if (one.channel !== channel || one.listener !== listener) continue;
        listening.delete(one);
        const client = main();
        if (!client) continue;
        const unsubscribe = one.pattern ? client.pUnsubscribe : client.unsubscribe;
        unsubscribe.call(client, channel, listener as never, true).catch(failed);
      }
    },
    async listeners(channel) {
      await opened;
      const counts = await use((client) => client.pubSubNumSub(channel));
      return Number(counts[channel] ?? 0);
    },
    renew() {
      for (const one of listening) attach(one);
    },
  };
}
