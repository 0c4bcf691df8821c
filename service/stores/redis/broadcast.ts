// Publishing through Redis, with the adapter that recovers connections.
import type { ServerOptions } from 'socket.io';
import { createAdapter } from '../../adapter/index.ts';
import type { RedisClient } from '../../adapter/redis/client.ts';
import { RedisUnavailable } from '../../adapter/redis/connections.ts';
import { Unavailable } from '../../protocol/refusals.ts';
import type { Metrics, RecoveryResult } from '../../telemetry/metrics.ts';
import { type Broadcast, type Identify, onceMs, ownerOf } from '../broadcast.ts';
import type { Clock } from './clock.ts';

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

/** @param changed told when a connection to Redis has come or gone */
export function redisBroadcast(
  client: RedisClient,
  identify: Identify,
  metrics: Metrics,
  clock: Clock,
  report: (stage: string, error: unknown) => void,
  changed: () => void,
): Broadcast & { echo(): Promise<void>; isUp(): boolean } {
  let started = false;
  const adapter = createAdapter(client, {
    key: 'mooring',
    async identify(auth) {
      const who = await identify(auth);
      return who.ok ? ownerOf(who.data) : undefined;
    },
    observer: {
      restoreEnded(result) {
        if (result !== 'postponed') metrics.recoveryEnded(resultNames[result]);
      },
      delivered(sockets, at, context) {
        const delivery = context === undefined ? undefined : { context, sockets };
        metrics.deliveryDelayed(Math.max(0, clock.now() - at) / 1000, delivery);
      },
      caughtUp: metrics.caughtUp,
      limitReached: metrics.limitReached,
      failed: (stage, error) => report(`adapter_${stage}`, error),
      connectionChanged() {
        started ||= adapter.isUp();
        changed();
      },
    },
  });
  return {
    adapter: adapter as unknown as ServerOptions['adapter'],
    async publish(emit, { record, once, context } = {}) {
      if (!started) throw new Unavailable('Redis is away');
      const published = adapter.publish(emit, {
        ...(record && { record: { ...record, key: adapter.key(record.key) } }),
        ...(once !== undefined && { once: { key: adapter.key(once), ms: onceMs } }),
        ...(context !== undefined && { context }),
      });
      const [outcome] = await orUnavailable(published);
      return outcome ?? { first: true, record: '' };
    },
    async *recorded(name) {
      const key = adapter.key(name);
      for (let from = '+'; ; ) {
        const entries = await orUnavailable(adapter.recorded(key, from, pageEntries));
        for (const { id, value } of entries) {
          yield value;
          from = id;
        }
        if (entries.length < pageEntries) return;
      }
    },
    echo: adapter.echo,
    ready: adapter.ready,
    isUp: adapter.isUp,
  };
}

async function orUnavailable<T>(done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (cause) {
    if (!(cause instanceof RedisUnavailable)) throw cause;
    throw new Unavailable('Redis did not do it', { cause });
  }
}
