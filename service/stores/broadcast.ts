// How processes reach each other's clients: the one seam between the service and its adapter.
import type { ServerOptions } from 'socket.io';
import {
  type AdapterFactory,
  createAdapter,
  createMemoryAdapter,
  EngineUnavailable,
  type GivenOptions,
  type RedisClient,
} from '../adapter/index.ts';
import type { SocketData } from '../protocol/identity.ts';
import { Unavailable } from '../protocol/refusals.ts';
import type { Metrics, RecoveryResult } from '../telemetry/metrics.ts';
import { trailOfAdapter } from '../telemetry/trail/adapter.ts';
import type { Trail } from '../telemetry/trail/trail.ts';
import type { Clock } from './redis/clock.ts';

/** Identifies who connects, from the payload of its CONNECT packet. */
export type Identify = (
  auth: Record<string, unknown>,
) => Promise<{ ok: true; data: SocketData } | { ok: false }>;

/** How long an idempotency key is answered with the first outcome. */
const onceMs = 600_000;
const pageEntries = 100;

/** Something with `emit`: the server, a namespace, or what `to()` and `except()` return. */
export interface Target {
  emit(event: string, ...args: unknown[]): unknown;
}

/** What happens in the same step as the publishing, or not at all. */
export interface Extras {
  /** Keeps `value`, the newest `entriesMax` of its key, for `ms` after the last one. */
  record?: { key: string; value: string; entriesMax: number; ms: number };
  /** An idempotency key: the message is published once in ten minutes. */
  once?: string;
  /** Travels with the message, for `deliveryDelayed` on each process that delivers it. */
  context?: string;
}

export interface Outcome {
  /** False: the idempotency key was used before, and `record` is what was recorded then. */
  first: boolean;
  record: string;
}

export interface Broadcast {
  /** For the `adapter` option of Socket.IO. */
  adapter: ServerOptions['adapter'];
  /**
   * Emits an event and resolves when it is stored, else rejects with `Unavailable`: then it may be
   * published all the same, and a retry with the same idempotency key finds out. Extras are for one
   * namespace.
   */
  publish(target: Target, event: string, args: unknown[], extras?: Extras): Promise<Outcome>;
  /** What was recorded under a key, newest first. */
  recorded(key: string): AsyncIterable<string>;
  /** Sends a message to this process itself; resolves when it is back. */
  loopback(): Promise<void>;
  /** Resolves when lost connections can be recovered; to be asked once the server is there. */
  ready(): Promise<void>;
  isUp(): boolean;
}

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

interface Parts {
  /** None: this process is alone, and its memory takes the place of Redis. */
  client?: RedisClient;
  recoveryMsMax: number;
  identify: Identify;
  metrics: Metrics;
  /** Of which the ids of messages are. */
  clock: Pick<Clock, 'now'>;
  report(stage: string, error: unknown): void;
  trail?: Trail | undefined;
  /** Called when a connection to Redis has come or gone. */
  changed(): void;
}

export function createBroadcast(parts: Parts): Broadcast {
  const { client, metrics } = parts;
  let started = client === undefined;
  const options = optionsOf(parts, () => {
    started ||= adapter.isUp();
    parts.changed();
  });
  const adapter = client ? createAdapter(client, options) : createMemoryAdapter(options);
  return {
    adapter: adapter as unknown as ServerOptions['adapter'],
    async publish(target, event, args, extras = {}) {
      if (!started) throw new Unavailable('Redis is unavailable');
      const startedAt = performance.now();
      const published = adapter.publish(target, event, args, extrasOf(adapter, extras));
      const { first, record } = (await orUnavailable(published)) ?? { first: true, record: '' };
      if (first) metrics.messagePublished((performance.now() - startedAt) / 1000);
      return { first, record };
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
    loopback: adapter.loopback,
    ready: adapter.ready,
    isUp: adapter.isUp,
  };
}

function optionsOf(
  { recoveryMsMax, identify, metrics, clock, report, trail }: Parts,
  connectionChanged: () => void,
): GivenOptions {
  return {
    key: 'mooring',
    recoveryMsMax,
    ...(trail && { trail: trailOfAdapter(trail) }),
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
      connectionChanged,
    },
  };
}

/** The owner of a session: one user, until the user's tokens are revoked. */
const ownerOf = ({ user, revokedBefore }: SocketData) =>
  revokedBefore ? `${user.id} ${revokedBefore}` : user.id;

function extrasOf({ key }: AdapterFactory, { record, once, context }: Extras) {
  return {
    ...(record && { record: { ...record, key: key(record.key) } }),
    ...(once !== undefined && { once: { key: key(once), ms: onceMs } }),
    ...(context !== undefined && { context }),
  };
}

async function orUnavailable<T>(done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (cause) {
    if (!(cause instanceof EngineUnavailable)) throw cause;
    throw new Unavailable(cause.message, { cause });
  }
}
