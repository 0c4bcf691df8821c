// The Prometheus metrics, updated through methods that name domain events.
import { type Counter, collectDefaultMetrics, Registry } from 'prom-client';
import manifest from '../../package.json' with { type: 'json' };
import type { Limit } from '../adapter/options.ts';
import type { TokenKeyName } from '../config/credentials.ts';
import type { Config } from '../config/schema.ts';
import type { EngineRefusal, HandshakeRefusal, RefusalCode } from '../protocol/refusals.ts';
import {
  type ProtectiveCause,
  type RecoveryResult,
  registerMetrics,
  type UnreadableKind,
} from './definitions.ts';

export type { RecoveryResult };
export type Metrics = ReturnType<typeof createMetrics>;

/** The socket of an event. For the log only: no label is ever a socket. */
export interface Who {
  socketId: string;
  event?: string;
  reason?: string | undefined;
}

/** A delivered message's trace context and number of sockets. For its trace only. */
export interface Delivery {
  context: string;
  sockets: number;
}

/** What Redis reports about itself. */
export interface RedisStats {
  memoryBytes: number;
  /** 0: unlimited. */
  memoryBytesMax: number;
  clients: number;
  commandsPerSecond: number;
}

const namespacesMax = 20; // bounds the label values that dynamic namespaces create

/** The metrics of one process; every process has its own registry. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = registerMetrics(registry);
  for (const transport of ['polling', 'websocket']) {
    metrics.connections.set({ namespace: '/', transport }, 0);
  }
  metrics.started.set(Math.round(performance.timeOrigin / 1000));
  const { look, ...states } = createStates(registry, metrics);
  const { connections, connects, refused, published, delaySeconds, publishSeconds } = metrics;
  const deliveries = createTally(metrics.delivered);
  const namespaces = new Set<string>();
  const labelOf = (namespace: string) => {
    if (namespaces.size < namespacesMax) namespaces.add(namespace);
    return namespaces.has(namespace) ? namespace : 'other';
  };
  return {
    connected(namespace: string, transport: string, _?: Who) {
      connections.inc({ namespace: labelOf(namespace), transport });
      connects.inc({ result: 'accepted' });
    },
    upgraded(namespace: string, from: string, to: string) {
      connections.dec({ namespace: labelOf(namespace), transport: from });
      connections.inc({ namespace: labelOf(namespace), transport: to });
    },
    disconnected(namespace: string, transport: string, reason: string, _?: Who) {
      connections.dec({ namespace: labelOf(namespace), transport });
      metrics.disconnects.inc({ reason: reason.replaceAll(' ', '_') });
    },
    /** A refused handshake, or a refused connect to a namespace. */
    connectRefused(code: RefusalCode | HandshakeRefusal, _?: Who) {
      connects.inc({ result: code });
      refused.inc({ code });
    },
    /** A request that Engine.IO answered with 400 or 403. */
    engineRefused: (code: EngineRefusal) => metrics.engineRefused.inc({ code }),
    requestRefused: (code: RefusalCode, _?: Who) => refused.inc({ code }),
    tokenVerified: (key: TokenKeyName) => metrics.tokens.inc({ key }),
    apiRequested: (key: string, status: number) => metrics.apiRequests.inc({ key, status }),
    recoveryEnded: (result: RecoveryResult) => metrics.recoveries.inc({ result }),
    messageReceived: (event: string) => metrics.received.inc({ event }),
    messagePublished(seconds: number) {
      published.inc();
      publishSeconds.observe(seconds);
    },
    deliveryDelayed: (seconds: number, _?: Delivery) => delaySeconds.observe(seconds),
    caughtUp: (messages: number) => metrics.catchUp.inc(messages),
    messageDelivered: deliveries.add,
    ...createLimited(metrics),
    redisUp: (up: boolean) => metrics.redisUp.set(up ? 1 : 0),
    redisReconnected: () => metrics.redisReconnects.inc(),
    draining: (on: boolean) => metrics.draining.set(on ? 1 : 0),
    roomCreated: () => metrics.rooms.inc(),
    roomDeleted: () => metrics.rooms.dec(),
    limitReached: (limit: Limit) => metrics.limits.inc({ limit }),
    unreadable: (kind: UnreadableKind) => metrics.unreadable.inc({ kind }),
    backgroundFailed: (stage: string) => metrics.failures.inc({ stage }),
    spansDropped: (spans: number) => metrics.spansDropped.inc(spans),
    probed: (seconds: number) => metrics.probeSeconds.observe(seconds),
    probeFailed: () => metrics.probeFailures.inc(),
    ...states,
    /** The Prometheus text format, version 0.0.4. */
    text: () => look(deliveries.end).metrics(),
    snapshot: (): Promise<Snapshot> => look(deliveries.end).getMetricsAsJSON(),
  };
}

/** Connections that reached a limit. */
const createLimited = (metrics: ReturnType<typeof registerMetrics>) => ({
  /** It did not authenticate in time, or was the oldest of too many. */
  unauthenticatedClosed: (reason: 'timeout' | 'evicted') =>
    metrics.unauthenticatedClosed.inc({ reason }),
  connectionClosed: (cause: ProtectiveCause) => metrics.protectiveCloses.inc({ cause }),
  /** It sent more packets or bytes per second than it may. */
  flowLimited: (action: 'paused' | 'closed') => metrics.flowLimited.inc({ action }),
  slowConsumerClosed: () => metrics.slowConsumers.inc(),
});

/** Keeps the hot path cheap: counts in a number and updates the counter at the next scrape. */
function createTally(counter: Counter) {
  let count = 0;
  return {
    add() {
      count += 1;
    },
    end() {
      counter.inc(count);
      count = 0;
    },
  };
}

/** Gauges of the current state of this process and of Redis. */
function createStates(registry: Registry, metrics: ReturnType<typeof registerMetrics>) {
  let look = () => {};
  return {
    /** Updates the gauges and returns the registry. */
    look(end: () => void) {
      end();
      look();
      return registry;
    },
    /** Reads the process state at each scrape from now on. */
    observe(
      config: Config,
      readiness: () => { ready: boolean; live: boolean },
      connections: { authenticated(): number; waiting(): number },
    ) {
      const { podName: replica, release: revision, connectionsMax } = config;
      metrics.info.set({ replica, revision, version: manifest.version }, 1);
      metrics.clientsMax.set(connectionsMax);
      look = () => {
        const { ready, live } = readiness();
        metrics.ready.set(ready ? 1 : 0);
        metrics.live.set(live ? 1 : 0);
        metrics.clients.set(connections.authenticated());
        metrics.unauthenticated.set(connections.waiting());
      };
    },
    /** 0: normal; 1: refuses new clients; 2: closes connections, too. */
    overloaded: (level: number) => metrics.overload.set(level),
    redisSays(stats: RedisStats) {
      metrics.redisMemory.set(stats.memoryBytes);
      metrics.redisMemoryMax.set(stats.memoryBytesMax);
      metrics.redisClients.set(stats.clients);
      metrics.redisCommands.set(stats.commandsPerSecond);
    },
  };
}

/** The metrics of one process, for aggregation. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;
