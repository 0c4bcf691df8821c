// Requests between servers in one process.
import type { Bus, BusListener } from '../engine.ts';

/** `flush` delivers what was published, before a message that must follow it. */
export function createMemoryBus(): Bus & { flush(): void } {
  const exact = new Map<string, Set<BusListener>>();
  const patterns = new Map<string, Set<BusListener>>(); // by the prefix before the `*`
  const mapOf = (pattern: boolean) => (pattern ? patterns : exact);
  const nameOf = (channel: string, pattern: boolean) => (pattern ? channel.slice(0, -1) : channel);
  let waiting: { channel: string; text: Buffer }[] = [];
  const deliver = ({ channel, text }: { channel: string; text: Buffer }) => {
    const name = Buffer.from(channel);
    for (const listener of exact.get(channel) ?? []) listener(text, name);
    for (const [prefix, listeners] of patterns) {
      if (channel.startsWith(prefix)) for (const listener of listeners) listener(text, name);
    }
  };
  const flush = () => {
    const published = waiting;
    waiting = [];
    published.forEach(deliver);
  };
  return {
    flush,
    async publish(channel, message) {
      if (waiting.length === 0) setImmediate(flush);
      waiting.push({ channel, text: Buffer.from(message as string) });
    },
    listen(channel, listener, pattern) {
      const [map, name] = [mapOf(pattern), nameOf(channel, pattern)];
      map.set(name, (map.get(name) ?? new Set()).add(listener));
    },
    unlisten(channel, listener) {
      for (const pattern of [false, true]) {
        const [map, name] = [mapOf(pattern), nameOf(channel, pattern)];
        map.get(name)?.delete(listener);
        if (map.get(name)?.size === 0) map.delete(name);
      }
    },
    listeners: async (channel) => exact.get(channel)?.size ?? 0,
  };
}
