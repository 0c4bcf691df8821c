// Publishing through Redis, with the adapter that recovers connections.
import type { ServerOptions } from 'socket.io';
import { RedisUnavailable } from '../adapter/connections.ts';
import { createAdapter } from '../adapter/create.ts';
import type { Metrics, RecoveryResult } from '../metrics.ts';
import { Unavailable } from '../protocol.ts';
import { type Broadcast, type Identify, onceMs, ownerOf } from './broadcast.ts';
import type { Redis } from './redis.ts';

const pageEntries = 100;

const resultNames = {
  recovered: 'recovered',
  expired: 'expired',
  trimmed: 'trimmed',
  too_much: 'trimmed',
  refused: 'refused',
  limited: 'refused',
  unknown: 'unknown',
  future: 'unknown',
} as const satisfies Record<string, RecoveryResult>;

export function redisBroadcast(
  redis: Redis,
  identify: Identify,
  metrics: Metrics,
  report: (stage: string, error: unknown) => void,
): Broadcast {
  const adapter = createAdapter(redis.client, {
    key: 'mooring',
    async identify(auth) {
      const who = await identify(auth);
      return who.ok ? ownerOf(who.data) : undefined;
    },
    observer: {
      restoreEnded(result) {
        if (result !== 'postponed') metrics.recoveryEnded(resultNames[result]);
      },
      delivered: (_, at) => metrics.deliveryDelayed(Math.max(0, Date.now() - at) / 1000),
      caughtUp: metrics.caughtUp,
      limitReached: metrics.limitReached,
      failed: (stage, error) => report(`adapter_${stage}`, error),
    },
  });
  return {
    adapter: adapter as unknown as ServerOptions['adapter'],
    async publish(emit, { record, once } = {}) {
      if (!redis.client.isReady) throw new Unavailable('Redis is away');
      try {
        const [outcome] = await adapter.publish(emit, {
          ...(record && { record: { ...record, key: adapter.key(record.key) } }),
          ...(once !== undefined && { once: { key: adapter.key(once), ms: onceMs } }),
        });
        return outcome ?? { first: true, record: '' };
      } catch (cause) {
        if (!(cause instanceof RedisUnavailable)) throw cause;
        throw new Unavailable('Redis did not take it', { cause });
      }
    },
    async *recorded(name) {
      const key = adapter.key(name);
      for (let from = '+'; ; ) {
        const read = (client: Redis['client']) =>
          client.xRevRange(key, from, '-', { COUNT: pageEntries });
        const entries = (await redis.run(read)) ?? [];
        for (const { id, message } of entries) {
          yield message.d as string;
          from = `(${id}`;
        }
        if (entries.length < pageEntries) return;
      }
    },
    ready: adapter.ready,
  };
}
