// Everything that is counted, as verbs of the domain.
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import manifest from '../../package.json' with { type: 'json' };
import { type Limit, limits } from '../adapter/options.ts';
import type { Config } from '../config/schema.ts';
import {
  connectRefusalCodes,
  type HandshakeRefusal,
  handshakeRefusalReasons,
  type RefusalCode,
  refusalCodes,
} from '../protocol/refusals.ts';

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

/** How an attempt to recover a connection ended; alerts leave out what the client caused. */
export const recoveryResults = {
  recovered: { lost: false, byClient: false },
  expired: { lost: true, byClient: true },
  trimmed: { lost: true, byClient: false },
  refused: { lost: true, byClient: true },
  unknown: { lost: true, byClient: false },
} as const;
export type RecoveryResult = keyof typeof recoveryResults;

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const usualReasons = ['transport_close', 'ping_timeout', 'client_namespace_disconnect'];
const namespacesMax = 20; // dynamic namespaces must not become labels without end

/** The metrics of one process, each process with a registry of its own. */
export function createMetrics() {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = register(registry);
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
function createStates(registry: Registry, metrics: ReturnType<typeof register>) {
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

/** The values of a label: those that begin at zero, and whether there can be others. */
interface LabelValues {
  known: readonly string[];
  others: boolean;
}
const fixed = (known: readonly string[]): LabelValues => ({ known, others: false });
const open = (known: readonly string[] = []): LabelValues => ({ known, others: true });

/** A metric as the contract lists it. */
export interface MetricDescription {
  name: string;
  type: 'counter' | 'gauge' | 'histogram';
  help: string;
  labels: Record<string, LabelValues>;
}

export function describeMetrics(): MetricDescription[] {
  const described: MetricDescription[] = [];
  register(new Registry(), (metric) => described.push(metric));
  return described;
}

type Labels<L extends string> = Record<L, LabelValues>;

/**
 * The kinds of metrics. Known values of a counter's labels begin at zero: Prometheus does not see
 * the first sample of a series as an increase.
 */
function kindsOf(registry: Registry, described: (metric: MetricDescription) => void) {
  const options = <L extends string>(
    type: MetricDescription['type'],
    name: string,
    help: string,
    labels: Labels<L>,
  ) => {
    described({ name: `mooring_${name}`, type, help, labels });
    const labelNames = Object.keys(labels) as L[];
    return { name: `mooring_${name}`, help, labelNames, registers: [registry] };
  };
  return {
    counter<L extends string = never>(name: string, help: string, labels = {} as Labels<L>) {
      const counter = new Counter(options('counter', name, help, labels));
      for (const [label, { known }] of Object.entries<LabelValues>(labels)) {
        for (const value of known) counter.inc({ [label]: value } as never, 0);
      }
      return counter;
    },
    gauge: <L extends string = never>(
      name: string,
      help: string,
      labels = {} as Labels<L>,
      aggregator: 'sum' | 'max' | 'min' = 'sum',
    ) => new Gauge({ ...options('gauge', name, help, labels), aggregator }),
    histogram: (name: string, help: string) =>
      new Histogram({ ...options('histogram', name, help, {}), buckets: seconds }),
  };
}

/** Every metric, with its help and labels; no label is ever a user, a room or a socket. */
function register(registry: Registry, described: (metric: MetricDescription) => void = () => {}) {
  const { counter, gauge, histogram } = kindsOf(registry, described);
  return {
    connections: gauge('connections', 'Open connections', {
      namespace: open(),
      transport: open(),
    }),
    connects: counter('connects_total', 'Connects to a namespace', {
      result: fixed(['accepted', ...connectRefusalCodes, ...handshakeRefusalReasons]),
    }),
    disconnects: counter('disconnects_total', 'Disconnects', { reason: open(usualReasons) }),
    recoveries: counter('recoveries_total', 'Attempts to recover a session', {
      result: fixed(Object.keys(recoveryResults)),
    }),
    received: counter('messages_received_total', 'Events from clients', {
      event: open(['unknown']),
    }),
    published: counter('messages_published_total', 'Messages handed to the adapter'),
    delivered: counter('messages_delivered_total', 'Messages written to a socket'),
    publishSeconds: histogram('publish_duration_seconds', 'From request to Redis done'),
    delaySeconds: histogram(
      'delivery_delay_seconds',
      'From published, by the clock of Redis, to written here',
    ),
    refused: counter('refusals_total', 'Requests and connects refused', {
      code: fixed([...refusalCodes, ...handshakeRefusalReasons]),
    }),
    slowConsumers: counter('slow_consumers_total', 'Connections closed for reading too slowly'),
    redisUp: gauge('redis_up', '1 while Redis answers', {}, 'min'),
    redisReconnects: counter('redis_reconnects_total', 'Connections to Redis made anew'),
    catchUp: counter('catch_up_messages_total', 'Messages read from the log after a Redis outage'),
    draining: gauge('draining', '1 while this replica closes its connections', {}, 'max'),
    rooms: gauge('rooms', 'Rooms with a member on this replica'),
    info: gauge(
      'info',
      'Always 1: the labels say what this replica is',
      { replica: open(), revision: open(), version: open() },
      'max',
    ),
    started: gauge('start_time_seconds', 'When its newest process started', {}, 'max'),
    ready: gauge('ready', '1 while this replica takes new clients', {}, 'max'),
    clients: gauge('clients', 'Open connections, whatever namespaces they carry'),
    clientsMax: gauge('clients_max', 'Open connections above which it takes no more'),
    probeSeconds: histogram(
      'probe_delay_seconds',
      'Round trip of a message to itself through Redis',
    ),
    probeFailures: counter('probe_failures_total', 'Messages to itself that took over two seconds'),
    redisMemory: gauge('redis_memory_bytes', 'Memory that Redis uses', {}, 'max'),
    redisMemoryMax: gauge(
      'redis_memory_max_bytes',
      'Memory that Redis may use; 0: no bound',
      {},
      'max',
    ),
    redisClients: gauge('redis_clients', 'Connections of all clients to Redis', {}, 'max'),
    redisCommands: gauge('redis_commands_per_second', 'Commands of all clients', {}, 'max'),
    limits: counter('limits_reached_total', 'Limits of recovery that were reached', {
      limit: fixed(limits),
    }),
    spansDropped: counter('spans_dropped_total', 'Spans that no collector got'),
    failures: counter('background_failures_total', 'Failures outside requests', { stage: open() }),
  };
}

/** The figures of one process, to be summed with those of others. */
export type Snapshot = Awaited<ReturnType<Registry['getMetricsAsJSON']>>;
