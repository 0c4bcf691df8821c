// Every metric with its help and labels, as data. No label is ever a user, a room or a socket.
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { unreadableKinds as adapterKinds } from '../adapter/delivery/formats.ts';
import { limits } from '../adapter/options.ts';
import { tokenKeyNames } from '../config/credentials.ts';
import {
  connectRefusalCodes,
  engineRefusalCodes,
  handshakeRefusalReasons,
  refusalCodes,
} from '../protocol/refusals.ts';

/** How an attempt to recover a connection ended; alerts leave out what the client caused. */
export const recoveryResults = {
  recovered: { lost: false, byClient: false },
  expired: { lost: true, byClient: true },
  trimmed: { lost: true, byClient: false },
  refused: { lost: true, byClient: true },
  unknown: { lost: true, byClient: false },
} as const;
export type RecoveryResult = keyof typeof recoveryResults;

/** What may be broken, or in a format that this version does not read. */
const storeKinds = ['command', 'history_entry', 'heartbeat', 'membership'] as const;
export type StoreKind = (typeof storeKinds)[number];
export const unreadableKinds = [...adapterKinds, ...storeKinds] as const;
export type UnreadableKind = (typeof unreadableKinds)[number];

/** Why a replica closes connections of clients that did nothing wrong. */
export const protectiveCauses = ['descriptors', 'overload'] as const;
export type ProtectiveCause = (typeof protectiveCauses)[number];

const seconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const usualReasons = ['transport_close', 'ping_timeout', 'client_namespace_disconnect'];

/** The values of a label: known ones start at zero; `others` may occur too. */
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

type Kinds = ReturnType<typeof kindsOf>;

const connectionMetrics = ({ counter, gauge }: Kinds) => ({
  connections: gauge('connections', 'Sockets connected to a namespace', {
    namespace: open(),
    transport: open(),
  }),
  clients: gauge('clients', 'Authenticated connections, independent of namespaces'),
  clientsMax: gauge('clients_max', 'Maximum number of authenticated connections'),
  unauthenticated: gauge('unauthenticated_clients', 'Connections that have not authenticated yet'),
  unauthenticatedClosed: counter(
    'unauthenticated_closed_total',
    'Connections closed before they authenticated: too late, or the oldest of too many',
    { reason: fixed(['timeout', 'evicted']) },
  ),
  connects: counter('connects_total', 'Attempts to connect to a namespace', {
    result: fixed(['accepted', ...connectRefusalCodes, ...handshakeRefusalReasons]),
  }),
  disconnects: counter('disconnects_total', 'Sockets that disconnected', {
    reason: open(usualReasons),
  }),
  recoveries: counter('recoveries_total', 'Attempts to recover a session', {
    result: fixed(Object.keys(recoveryResults)),
  }),
  refused: counter('refusals_total', 'Refused requests, handshakes and connects', {
    code: fixed([...refusalCodes, ...handshakeRefusalReasons]),
  }),
  engineRefused: counter(
    'engine_refusals_total',
    'Requests that Engine.IO answered with 400 or 403',
    {
      code: fixed(engineRefusalCodes),
    },
  ),
  tokens: counter('tokens_verified_total', 'Tokens verified, by the key that verified them', {
    key: fixed(tokenKeyNames),
  }),
  slowConsumers: counter(
    'slow_consumers_total',
    'Connections closed because the client read too slowly',
  ),
  protectiveCloses: counter(
    'protective_closes_total',
    'Connections that this replica closed to protect itself, by what ran short',
    { cause: fixed(protectiveCauses) },
  ),
  flowLimited: counter(
    'flow_limited_total',
    'Times that a connection sent more packets or bytes per second than it may: it was not read ' +
      'for a while, or closed',
    { action: fixed(['paused', 'closed']) },
  ),
  overload: gauge(
    'overload',
    '1 while this replica refuses new clients because of overload, 2 while it closes connections',
    {},
    'max',
  ),
  rooms: gauge('rooms', 'Rooms with at least one member on this replica'),
});

const messageMetrics = ({ counter, histogram }: Kinds) => ({
  received: counter('messages_received_total', 'Events received from clients', {
    event: open(['unknown']),
  }),
  published: counter('messages_published_total', 'Messages published by this replica'),
  delivered: counter('messages_delivered_total', 'Messages written to sockets'),
  publishSeconds: histogram(
    'publish_duration_seconds',
    'Time from the request until Redis has the message',
  ),
  delaySeconds: histogram(
    'delivery_delay_seconds',
    'Time from publishing, by the clock of Redis, to the write to a socket',
  ),
  probeSeconds: histogram('probe_delay_seconds', 'Round trip of the self-probe through Redis'),
  probeFailures: counter(
    'probe_failures_total',
    'Self-probes that did not return within two seconds',
  ),
});

const redisMetrics = ({ counter, gauge }: Kinds) => ({
  redisUp: gauge('redis_up', '1 while Redis is available', {}, 'min'),
  redisReconnects: counter('redis_reconnects_total', 'Reconnects to Redis'),
  catchUp: counter(
    'catch_up_messages_total',
    'Messages read from the log to catch up after a Redis outage',
  ),
  redisMemory: gauge('redis_memory_bytes', 'Memory that Redis uses', {}, 'max'),
  redisMemoryMax: gauge('redis_memory_max_bytes', 'Memory limit of Redis; 0: unlimited', {}, 'max'),
  redisClients: gauge('redis_clients', 'Connections of all clients to Redis', {}, 'max'),
  redisCommands: gauge(
    'redis_commands_per_second',
    'Commands per second of all clients of Redis',
    {},
    'max',
  ),
});

const apiMetrics = ({ counter }: Kinds) => ({
  apiRequests: counter(
    'api_requests_total',
    'Requests to the backend API, by the name of the key',
    {
      key: open(),
      status: open(),
    },
  ),
});

const replicaMetrics = ({ counter, gauge }: Kinds) => ({
  info: gauge(
    'info',
    'Always 1; the labels identify the replica',
    { replica: open(), revision: open(), version: open() },
    'max',
  ),
  started: gauge(
    'start_time_seconds',
    'Start time of the newest process of this replica',
    {},
    'max',
  ),
  live: gauge(
    'live',
    '1 while this replica receives messages: connected to Redis and caught up',
    {},
    'min',
  ),
  ready: gauge('ready', '1 while this replica accepts new clients', {}, 'max'),
  draining: gauge('draining', '1 while this replica is draining', {}, 'max'),
  limits: counter('limits_reached_total', 'Limits of recovery that were reached', {
    limit: fixed(limits),
  }),
  unreadable: counter(
    'unreadable_total',
    'Finds in Redis that this version cannot read: broken, or in a format of another version',
    { kind: fixed(unreadableKinds) },
  ),
  failures: counter('background_failures_total', 'Failures outside of requests', { stage: open() }),
  spansDropped: counter('spans_dropped_total', 'Trace spans that were not exported'),
});

/** Registers every metric and calls `described` with each definition. */
export function registerMetrics(
  registry: Registry,
  described: (metric: MetricDescription) => void = () => {},
) {
  const kinds = kindsOf(registry, described);
  return {
    ...connectionMetrics(kinds),
    ...messageMetrics(kinds),
    ...redisMetrics(kinds),
    ...apiMetrics(kinds),
    ...replicaMetrics(kinds),
  };
}

export function describeMetrics(): MetricDescription[] {
  const described: MetricDescription[] = [];
  registerMetrics(new Registry(), (metric) => described.push(metric));
  return described;
}
