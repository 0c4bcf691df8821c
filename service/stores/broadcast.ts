// Publishes to the clients of all processes: the only seam between the service and its adapter.
import type { ServerOptions } from 'socket.io';
import {
  type AdapterFactory,
  createAdapter,
  createMemoryAdapter,
  EngineUnavailable,
  type GivenOptions,
  type RedisClient,
  type SessionListener,
} from '../adapter/index.ts';
import { ownerOf, type SocketData } from '../protocol/identity.ts';
import { Unavailable } from '../protocol/refusals.ts';
import type { Metrics, RecoveryResult } from '../telemetry/metrics.ts';
import { trailOfAdapter } from '../telemetry/trail/adapter.ts';
import type { Trail } from '../telemetry/trail/trail.ts';
import type { Clock } from './redis/clock.ts';

/** Identifies the user of a connecting socket from the payload of its CONNECT packet. */
export type Identify = (
  auth: Record<string, unknown>,
  connection: object,
) => Promise<{ ok: true; data: SocketData } | { ok: false }>;

/** Resolves to the rooms of a session that a connecting socket may rejoin. */
export type Admit = (auth: Record<string, unknown>, rooms: string[]) => Promise<string[]>;

/** TTL of idempotency keys. */
const onceMsDefault = 600_000;
const pageEntries = 100;
const pageBytes = 512 * 1024;

/** An emit target: the server, a namespace, or the result of `to()` or `except()`. */
export interface Target {
  emit(event: string, ...args: unknown[]): unknown;
}

/** Extra writes, atomic with publishing the message. */
export interface Extras {
  /**
   * Appends `value` to a list that keeps `entriesMax` values and about `bytesMax` bytes, for `ms`
   * after the last write.
   */
  record?: { key: string; value: string; entriesMax: number; bytesMax: number; ms: number };
  /** An idempotency key: the message is published at most once in `ms`, ten minutes. */
  once?: {
    key: string;
    /** What a repetition must have in common with the first message. JSON. */
    content?: unknown;
    /** What repetitions get. */
    result?: string;
    ms?: number;
  };
  /** Passed to `deliveryDelayed` on each process that delivers the message. */
  context?: string;
}

export interface Outcome {
  /** False if the idempotency key was used before. */
  first: boolean;
  /** Whether it was used with another content. Nothing was published. */
  conflict: boolean;
  /** That of the first message with the key. */
  result: string;
}

export interface Broadcast {
  /** For the `adapter` option of Socket.IO. */
  adapter: ServerOptions['adapter'];
  /**
   * Emits an event and resolves once it is stored. After a rejection with `Unavailable` the event
   * may still have been published; retry with the same idempotency key. Extras require a target in
   * one namespace.
   */
  publish(target: Target, event: string, args: unknown[], extras?: Extras): Promise<Outcome>;
  /**
   * The recorded values of a key, newest first.
   * @param count how many are likely to be used: they are read at once, if they are not too large
   */
  recorded(key: string, count: number): AsyncIterable<string>;
  /** Sends a message to this process through Redis and resolves when it arrives. */
  loopback(): Promise<void>;
  /** Resolves once lost connections can be recovered. Call it after creating the server. */
  ready(): Promise<void>;
  isUp(): boolean;
  /** Whether it has caught up, so that every message arrives. */
  isLive(): boolean;
}

const resultNames = {
  recovered: 'recovered',
  expired: 'expired',
  trimmed: 'trimmed',
  too_much: 'trimmed',
  unreadable: 'trimmed',
  refused: 'refused',
  limited: 'refused',
  unknown: 'unknown',
  future: 'unknown',
} as const satisfies Record<string, RecoveryResult>;

interface Parts {
  /** If omitted, this is the only process, and its memory replaces Redis. */
  client?: RedisClient;
  /** The prefix of all keys and channels. */
  prefix?: string;
  recoveryMsMax: number;
  /** The key of servers with the stock Redis adapter. They get all messages, too. */
  bridgeKey?: string | undefined;
  identify: Identify;
  admit?: Admit;
  metrics: Metrics;
  /** The clock from which message ids are made. */
  clock: Pick<Clock, 'now'>;
  report(stage: string, error: unknown): void;
  trail?: Trail | undefined;
  /** Follows the sessions. */
  sessions?: SessionListener;
  /** Called when a connection to Redis opens or closes. */
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
      const outcome = (await orUnavailable(published)) ?? localOnly;
      if (outcome.first) metrics.messagePublished((performance.now() - startedAt) / 1000);
      return outcome;
    },
    async *recorded(name, count) {
      const key = adapter.key(name);
      const limits = { entriesMax: Math.min(count, pageEntries), bytesMax: pageBytes };
      for (let from = '+', more = true; more; ) {
        const page = await orUnavailable(adapter.recorded(key, from, limits));
        for (const { id, value } of page.values) {
          yield value;
          from = id;
        }
        more = page.more && page.values.length > 0;
      }
    },
    loopback: adapter.loopback,
    ready: adapter.ready,
    isUp: adapter.isUp,
    isLive: adapter.isLive,
  };
}

function optionsOf(parts: Parts, connectionChanged: () => void): GivenOptions {
  const { prefix, recoveryMsMax, bridgeKey, identify, admit, sessions } = parts;
  const { metrics, clock, report, trail } = parts;
  return {
    ...(prefix && { key: prefix }),
    recoveryMsMax,
    ...(bridgeKey !== undefined && { bridge: bridgeKey }),
    ...(trail && { trail: trailOfAdapter(trail) }),
    ...(sessions && { sessions }),
    ...(admit && { admit }),
    async identify(auth, _, connection) {
      const who = await identify(auth, connection);
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
      unreadable: metrics.unreadable,
      failed: (stage, error) => report(`adapter_${stage}`, error),
      connectionChanged,
    },
  };
}

const localOnly: Outcome = { first: true, conflict: false, result: '' };

/** The same for objects that differ only in the order of their properties. */
function canonical(content: unknown): string {
  const sorted = (_: string, value: unknown) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  };
  return JSON.stringify(content, sorted) ?? '';
}

function extrasOf({ key }: AdapterFactory, { record, once, context }: Extras) {
  const { content, ms = onceMsDefault } = once ?? {};
  return {
    ...(record && { record: { ...record, key: key(record.key) } }),
    ...(once && { once: { ...once, key: key(once.key), ms, content: canonical(content) } }),
    ...(context !== undefined && { context }),
  };
}

/**
 * Whether a store or the adapter could not reach Redis. `socket.join()` rejects so, for example.
 */
export const isUnavailable = (error: unknown) =>
  error instanceof Unavailable || error instanceof EngineUnavailable;

async function orUnavailable<T>(done: Promise<T>): Promise<T> {
  try {
    return await done;
  } catch (cause) {
    if (!(cause instanceof EngineUnavailable)) throw cause;
    throw new Unavailable(cause.message, { cause });
  }
}
