// The first dashboard to look at: connects, delivery, latency and saturation.
import { handshakeRefusalReasons, handshakeRefusals } from '../../service/protocol/refusals.ts';
import type { Dashboard, Panel } from '../dashboard.ts';
import { byInfo, perSecond, shown, shownQuantile } from '../expression.ts';

const expected = handshakeRefusalReasons
  .filter((reason) => handshakeRefusals[reason].rollout)
  .join('|');

const number = (panel: Omit<Panel, 'kind' | 'queries'> & { expr: string }): Panel => {
  const { expr, ...rest } = panel;
  return { ...rest, kind: 'number', width: 4, queries: [{ expr, legend: '' }] };
};

const now: Panel[] = [
  number({
    title: 'Ready replicas',
    description: 'Replicas that accept new clients. Zero: nobody can connect.',
    unit: 'none',
    expr: `sum(${shown('mooring_ready')})`,
    alert: 'MooringNoReadyPod',
  }),
  number({
    title: 'Clients',
    description: 'Authenticated connections, independent of namespaces.',
    unit: 'short',
    expr: `sum(${shown('mooring_clients')})`,
  }),
  number({
    title: 'Capacity used',
    description: 'Clients relative to the sum of CONNECTIONS_MAX. Good: below 70 %.',
    unit: 'percentunit',
    expr: `sum(${shown('mooring_clients')}) / sum(${shown('mooring_clients_max')})`,
    thresholds: [0.7, 0.85],
    alert: 'MooringNearCapacity',
  }),
  number({
    title: 'Without Redis',
    description: 'Replicas that cannot reach Redis now. Good: 0.',
    unit: 'none',
    expr: `count(${shown('mooring_redis_up')} == 0) or vector(0)`,
    thresholds: [1],
    alert: 'MooringRedisUnavailable',
  }),
  number({
    title: 'Self-probe, p99',
    description:
      'Round trip of a message of each replica to itself, through Redis. Good: a few milliseconds.',
    unit: 's',
    expr: shownQuantile(0.99, 'mooring_probe_delay_seconds'),
    thresholds: [0.1, 1],
    alert: 'MooringProbeFailing',
  }),
  number({
    title: 'Refused',
    description:
      'Refused requests and connects per second, without those of rollouts. Good: near 0.',
    unit: 'ops',
    expr: `sum(${perSecond('mooring_refusals_total', `code!~"${expected}"`)})`,
    alert: 'MooringRequestsRefused',
  }),
];

const traffic: Panel[] = [
  {
    title: 'Clients per replica',
    description: 'Authenticated connections. Good: lines close together, well below the limit.',
    kind: 'lines',
    unit: 'short',
    queries: [{ expr: byInfo('replica', shown('mooring_clients')), legend: '{{replica}}' }],
    alert: 'MooringPodsUnbalanced',
  },
  {
    title: 'Connects',
    description:
      'By result: accepted, or the refusal code. A peak is a rollout, or a network that is back.',
    kind: 'stacked',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (result) (${perSecond('mooring_connects_total')})`,
        legend: '{{result}}',
      },
    ],
    alert: 'MooringConnectsRefused',
  },
  {
    title: 'Messages',
    description:
      'Events received from clients, messages published, and messages written to sockets. One ' +
      'message to a room with a thousand members is delivered a thousand times.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      { expr: `sum(${perSecond('mooring_messages_received_total')})`, legend: 'received' },
      { expr: `sum(${perSecond('mooring_messages_published_total')})`, legend: 'published' },
      { expr: `sum(${perSecond('mooring_messages_delivered_total')})`, legend: 'delivered' },
    ],
  },
];

const latency: Panel[] = [
  {
    title: 'Delivery',
    description:
      'Time from Redis to the write to the socket, on all replicas. Good: p99 below 50 ms.',
    kind: 'lines',
    unit: 's',
    queries: [0.5, 0.95, 0.99].map((share) => ({
      expr: shownQuantile(share, 'mooring_delivery_delay_seconds'),
      legend: `p${share * 100}`,
    })),
    alert: 'MooringDeliveryDelayed',
    empty: 'no message was delivered',
  },
  {
    title: 'Event loop',
    description:
      'Event loop lag, p99: the first sign of an overloaded replica or of a blocking handler. ' +
      'Good: below 50 ms.',
    kind: 'lines',
    unit: 's',
    queries: [
      {
        expr: byInfo('replica', shown('nodejs_eventloop_lag_p99_seconds')),
        legend: '{{replica}}',
      },
    ],
  },
  {
    title: 'Refused',
    description:
      'Refused requests and connects, by code. docs/reference/contract.md explains the codes.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      { expr: `sum by (code) (${perSecond('mooring_refusals_total')}) > 0`, legend: '{{code}}' },
      { expr: `sum(${perSecond('mooring_refusals_total')})`, legend: 'all' },
    ],
    alert: 'MooringRequestsRefused',
    empty: 'most refusal codes never occur',
  },
  {
    title: 'Refused by Engine.IO',
    description:
      'Requests that Engine.IO answered with 400 or 403, by code. unknown_session: the load ' +
      'balancer has no affinity. Good: none, and a few when a replica is killed.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (code) (${perSecond('mooring_engine_refusals_total')})`,
        legend: '{{code}}',
      },
    ],
    alert: 'MooringUnknownSessions',
  },
];

const saturation: Panel[] = [
  {
    title: 'CPU',
    description: 'Cores used, by replica. A replica without workers cannot use more than one.',
    kind: 'lines',
    unit: 'short',
    queries: [
      { expr: byInfo('replica', perSecond('process_cpu_seconds_total')), legend: '{{replica}}' },
    ],
  },
  {
    title: 'Memory',
    description:
      'Resident memory, by replica. It follows the clients; growth without them is a leak.',
    kind: 'lines',
    unit: 'bytes',
    queries: [
      { expr: byInfo('replica', shown('process_resident_memory_bytes')), legend: '{{replica}}' },
    ],
    alert: 'MooringPodRestarts',
  },
  {
    title: 'Disconnects and slow clients',
    description:
      'By reason. transport_close: a network failure or a rollout; ping_timeout: a client that ' +
      'vanished; slow: over 4 MiB unread; fast: more per second than allowed.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (reason) (${perSecond('mooring_disconnects_total')})`,
        legend: '{{reason}}',
      },
      { expr: `sum(${perSecond('mooring_slow_consumers_total')})`, legend: 'slow' },
      {
        expr: `sum by (action) (${perSecond('mooring_flow_limited_total')})`,
        legend: 'fast: {{action}}',
      },
    ],
    alert: 'MooringSlowConsumers',
  },
  {
    title: 'Unauthenticated connections',
    description:
      'Connections without a verified token, and how many are closed per second, by reason. ' +
      'timeout: they did nothing; evicted: there were too many. Good: near 0.',
    kind: 'lines',
    unit: 'short',
    queries: [
      { expr: `sum(${shown('mooring_unauthenticated_clients')})`, legend: 'open' },
      {
        expr: `sum by (reason) (${perSecond('mooring_unauthenticated_closed_total')})`,
        legend: 'closed: {{reason}}',
      },
    ],
  },
  {
    title: 'Protection',
    description:
      'Level: 1 while a replica refuses new clients because of overload, 2 while it closes ' +
      'connections, too. Closed per second, by what ran short. Good: 0.',
    kind: 'lines',
    unit: 'short',
    queries: [
      { expr: `max(${shown('mooring_overload')})`, legend: 'level' },
      {
        expr: `sum by (cause) (${perSecond('mooring_protective_closes_total')})`,
        legend: 'closed: {{cause}}',
      },
    ],
    alert: 'MooringPodOverloaded',
  },
  {
    title: 'Background failures',
    description:
      'Failures outside of requests, by stage, and spans that were not exported. Good: none.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (stage) (${perSecond('mooring_background_failures_total')})`,
        legend: '{{stage}}',
      },
      { expr: `sum(${perSecond('mooring_spans_dropped_total')})`, legend: 'spans dropped' },
    ],
    empty: 'nothing has failed',
  },
];

const credentials: Panel[] = [
  {
    title: 'Tokens by key',
    description:
      'Verified tokens, by the setting of the key that verified them. During a rotation, ' +
      'jwt_secret_previous falls to zero before you remove it.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (key) (${perSecond('mooring_tokens_verified_total')})`,
        legend: '{{key}}',
      },
    ],
  },
  {
    title: 'Backend API by key',
    description:
      'Requests to the backend API, by the name of the API key and by status. none: without a ' +
      'valid key.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (key, status) (${perSecond('mooring_api_requests_total')})`,
        legend: '{{key}} {{status}}',
      },
    ],
    empty: 'no backend has called the API',
  },
];

export const overview: Dashboard = {
  uid: 'mooring-overview',
  title: 'Mooring / Overview',
  description: 'Can clients connect, do messages arrive, how fast, and how much capacity is left?',
  rows: [
    { title: 'Now', panels: now },
    { title: 'Traffic', panels: traffic },
    { title: 'Latency and errors', panels: latency },
    { title: 'Saturation', panels: saturation },
    { title: 'Credentials', panels: credentials },
  ],
};
