// Everything that is counted, as verbs of the domain.
import { type Counter, collectDefaultMetrics, Registry } from 'prom-client';
import manifest from '../../package.json' with { type: 'json' };
import type { Limit } from '../adapter/options.ts';
import type { Config } from '../config/schema.ts';
import type { HandshakeRefusal, RefusalCode } from '../protocol/refusals.ts';
import { type RecoveryResult, registerMetrics } from './definitions.ts';

export type { RecoveryResult };
export type Metrics = ReturnType<typeof createMetrics>;

/** Whose event it was: for the log alone, no label is ever a socket. */
export interface Who {
  socketId: string;
  event?: string;
}

/** Which message was delivered, and to how many: for its trace alone. */
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

const namespacesMax = 20; // dynamic namespaces must not become labels without end

/** The metrics of one process, each process with a registry of its own. */
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
    /** A handshake or a connect to a namespace that was turned away. */
    connectRefused(code: RefusalCode | HandshakeRefusal, _?: Who) {
      connects.inc({ result: code });
      refused.inc({ code });
    },
    requestRefused: (code: RefusalCode, _?: Who) => refused.inc({ code }),
    recoveryEnded: (result: RecoveryResult) => metrics.recoveries.inc({ result }),
    messageReceived: (event: string) => metrics.received.inc({ event }),
    messagePublished(seconds: number) {
      published.inc();
      publishSeconds.observe(seconds);
    },
    deliveryDelayed: (seconds: number, _?: Delivery) => delaySeconds.observe(seconds),
    caughtUp: (messages: number) => metrics.catchUp.inc(messages),
    messageDelivered: deliveries.add,
    slowConsumerClosed: () => metrics.slowConsumers.inc(),
    redisUp: (up: boolean) => metrics.redisUp.set(up ? 1 : 0),
    redisReconnected: () => metrics.redisReconnects.inc(),
    draining: (on: boolean) => metrics.draining.set(on ? 1 : 0),
    roomCreated: () => metrics.rooms.inc(),
    roomDeleted: () => metrics.rooms.dec(),
    limitReached: (limit: Limit) => metrics.limits.inc({ limit }),
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

/** Each write to a socket pays for a number only: the counter gets it at the next scrape. */
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

/** What is true at a moment, of this process and of Redis. */
function createStates(registry: Registry, metrics: ReturnType<typeof registerMetrics>) {
  let look = () => {};
  return {
    /** The registry, with what is true now. */
    look(end: () => void) {
      end();
      look();
      return registry;
    },
    /** From now on the process is asked at each scrape. */
    observe(config: Config, readiness: () => { ready: boolean }, connections: () => number) {
      const { podName: replica, release: revision, connectionsMax } = config;
      metrics.info.set({ replica, revision, version: manifest.version }, 1);
      metrics.clientsMax.set(connectionsMax);
      look = () => {
        metrics.ready.set(readiness().ready ? 1 : 0);
        metrics.clients.set(connections());
      };
    },
    redisSays(figures: RedisStats) {
      metrics.redisMemory.set(figures.memoryBytes);
      metrics.redisMemoryMax.set(figures.memoryBytesMax);
      metrics.redisClients.set(figures.clients);
      metrics.redisCommands.set(figures.commandsPerSecond);
    },
  };
}

/** The figures of one process, to be summed with those of others. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;
