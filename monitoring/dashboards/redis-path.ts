// The way of a message: into Redis, through it, and out to the sockets.
import type { Dashboard, Panel } from '../dashboard.ts';
import { byInfo, perSecond, shown, shownQuantile } from '../expression.ts';

const quantiles = (metric: string) =>
  [0.5, 0.99].map((share) => ({ expr: shownQuantile(share, metric), legend: `p${share * 100}` }));

const way: Panel[] = [
  {
    title: 'Publish',
    description: 'From a request to Redis having it. Good: below 10 ms for 99 %.',
    kind: 'lines',
    unit: 's',
    queries: quantiles('mooring_publish_duration_seconds'),
    empty: 'no message was published',
  },
  {
    title: 'Probe',
    description:
      'A message of each replica to itself, every two seconds, also when no user is there. It ' +
      'takes the same way as any other. Good: below 10 ms for 99 %.',
    kind: 'lines',
    unit: 's',
    queries: quantiles('mooring_probe_delay_seconds'),
    alert: 'MooringDeliveryDelayed',
  },
  {
    title: 'Delivery',
    description: 'From Redis to the write on the socket. Late with a good probe: a busy replica.',
    kind: 'lines',
    unit: 's',
    queries: quantiles('mooring_delivery_delay_seconds'),
    alert: 'MooringDeliveryDelayed',
    empty: 'no message was delivered',
  },
];

const faults: Panel[] = [
  {
    title: 'Probes that failed',
    description: 'Not back within two seconds, by replica. Good: none.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      { expr: byInfo('replica', perSecond('mooring_probe_failures_total')), legend: '{{replica}}' },
    ],
    alert: 'MooringProbeFailing',
  },
  {
    title: 'Has Redis',
    description: 'Replicas that have Redis, of all. A gap is an outage, or its failover.',
    kind: 'lines',
    unit: 'none',
    queries: [
      { expr: `sum(${shown('mooring_redis_up')})`, legend: 'with Redis' },
      { expr: `count(${shown('mooring_redis_up')})`, legend: 'all' },
    ],
    alert: 'MooringRedisAway',
  },
  {
    title: 'After an outage',
    description: 'Connections made anew, and messages that were read from the logs to catch up.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      { expr: `sum(${perSecond('mooring_redis_reconnects_total')})`, legend: 'reconnects' },
      { expr: `sum(${perSecond('mooring_catch_up_messages_total')})`, legend: 'caught up' },
    ],
    alert: 'MooringRedisAway',
  },
  {
    title: 'Bounds that were hit',
    description: 'By bound; docs/concepts/recovery.md says what each costs. Good: none.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (limit) (${perSecond('mooring_limits_reached_total')})`,
        legend: '{{limit}}',
      },
    ],
    alert: 'MooringRecoveryFailing',
  },
];

const redis: Panel[] = [
  {
    title: 'Memory of Redis',
    description: 'Used, against its bound if it has one. Full, it refuses every write.',
    kind: 'lines',
    unit: 'bytes',
    queries: [
      { expr: `max(${shown('mooring_redis_memory_bytes')})`, legend: 'used' },
      { expr: `max(${shown('mooring_redis_memory_max_bytes')} > 0)`, legend: 'bound' },
    ],
    alert: 'MooringRedisMemoryHigh',
    empty: 'Redis has no bound',
  },
  {
    title: 'Commands of Redis',
    description: 'For all its clients. Over 50,000 a second one core may be all it has.',
    kind: 'lines',
    unit: 'ops',
    queries: [{ expr: `max(${shown('mooring_redis_commands_per_second')})`, legend: 'commands' }],
  },
  {
    title: 'Connections to Redis',
    description: 'Of everybody. Each process of Mooring has three.',
    kind: 'lines',
    unit: 'short',
    queries: [{ expr: `max(${shown('mooring_redis_clients')})`, legend: 'connections' }],
  },
];

export const redisPath: Dashboard = {
  uid: 'mooring-redis-path',
  title: 'Mooring / Redis path',
  description: 'The way of a message: into Redis, through it, and out to the sockets.',
  rows: [
    { title: 'How long it takes', panels: way },
    { title: 'What goes wrong', panels: faults },
    { title: 'Redis itself', panels: redis },
  ],
};
