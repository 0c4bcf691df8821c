// How replicas reach each other's clients: the one seam between the service and its adapter.
import type { ServerOptions } from 'socket.io';
import { RedisUnavailable } from '../adapter/connections.ts';
import { createAdapter } from '../adapter/create.ts';
import type { Metrics, RecoveryResult } from '../metrics.ts';
import { type SocketData, Unavailable } from '../protocol.ts';
import { createMemoryAdapter } from './adapter.memory.ts';
import type { Redis } from './redis.ts';

/** Who connects, by the payload of its CONNECT packet. */
export type Identify = (
  auth: Record<string, unknown>,
) => Promise<{ ok: true; data: SocketData } | { ok: false }>;

export interface Broadcast {
  /** For the `adapter` option of Socket.IO. */
  adapter: ServerOptions['adapter'];
  /** Runs `emit` and resolves when what it published is in Redis, else with `Unavailable`. */
  publish(emit: () => void): Promise<void>;
  /** Resolves when lost connections can be recovered; to be asked once the server is there. */
  ready(): Promise<void>;
}

export function memoryBroadcast(identify: Identify, metrics: Metrics): Broadcast {
  return {
    adapter: createMemoryAdapter(identify, metrics.recoveryEnded),
    async publish(emit) {
      const startedAt = performance.now();
      emit();
      metrics.deliveryDelayed((performance.now() - startedAt) / 1000);
    },
    ready: async () => {},
  };
}

const resultNames = {
  recovered: 'recovered',
  expired: 'expired',
  trimmed: 'trimmed',
  too_much: 'trimmed',
  refused: 'refused',
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
      return who.ok ? who.data.user.id : undefined;
    },
    observer: {
      restoreEnded(result) {
        if (result !== 'postponed') metrics.recoveryEnded(resultNames[result]);
      },
      delivered: (_, at) => metrics.deliveryDelayed(Math.max(0, Date.now() - at) / 1000),
      caughtUp: metrics.caughtUp,
      overflowed: (buffer) => report(`overflow_${buffer}`, new Error('a buffer is full')),
      failed: (stage, error) => report(`adapter_${stage}`, error),
    },
  });
  return {
    adapter: adapter as unknown as ServerOptions['adapter'],
    async publish(emit) {
      if (!redis.client.isReady) throw new Unavailable('Redis is away');
      try {
        await adapter.publish(emit);
      } catch (cause) {
        if (!(cause instanceof RedisUnavailable)) throw cause;
        throw new Unavailable('Redis did not take it', { cause });
      }
    },
    ready: adapter.ready,
  };
}
