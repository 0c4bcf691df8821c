// The path of a message: into Redis, through it, and out to the sockets.
import type { Dashboard, Panel } from '../dashboard.ts';
import { byInfo, perSecond, shown, shownQuantile } from '../expression.ts';

const quantiles = (metric: string) =>
  [0.5, 0.99].map((share) => ({ expr: shownQuantile(share, metric), legend: `p${share * 100}` }));

const path: Panel[] = [
  {
    title: 'Publish',
    description: 'Time from the request until Redis has the message. Good: p99 below 10 ms.',
    kind: 'lines',
    unit: 's',
    queries: quantiles('mooring_publish_duration_seconds'),
    empty: 'no message was published',
  },
  {
    title: 'Self-probe',
    description:
      'Round trip of a message of each replica to itself, every two seconds, on the same path as ' +
      'any other message. Good: p99 below 10 ms.',
    kind: 'lines',
    unit: 's',
    queries: quantiles('mooring_probe_delay_seconds'),
    alert: 'MooringDeliveryDelayed',
  },
  {
    title: 'Delivery',
    description:
      'Time from Redis to the write to the socket. High with a good self-probe: a busy replica.',
    kind: 'lines',
    unit: 's',
    queries: quantiles('mooring_delivery_delay_seconds'),
    alert: 'MooringDeliveryDelayed',
    empty: 'no message was delivered',
  },
];

const faults: Panel[] = [
  {
    title: 'Failed self-probes',
    description: 'No answer within two seconds, by replica. Good: none.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      { expr: byInfo('replica', perSecond('mooring_probe_failures_total')), legend: '{{replica}}' },
    ],
    alert: 'MooringProbeFailing',
  },
  {
    title: 'Replicas with Redis',
    description:
      'Replicas that can reach Redis, and those that receive messages: they have caught up, too. ' +
      'A gap is an outage or a failover.',
    kind: 'lines',
    unit: 'none',
    queries: [
      { expr: `sum(${shown('mooring_redis_up')})`, legend: 'with Redis' },
      { expr: `sum(${shown('mooring_live')})`, legend: 'receive messages' },
      { expr: `count(${shown('mooring_redis_up')})`, legend: 'all' },
    ],
    alert: 'MooringPodBehind',
  },
  {
    title: 'Catch-up after an outage',
    description: 'Reconnects to Redis, and messages that were read from the logs to catch up.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      { expr: `sum(${perSecond('mooring_redis_reconnects_total')})`, legend: 'reconnects' },
      { expr: `sum(${perSecond('mooring_catch_up_messages_total')})`, legend: 'caught up' },
    ],
    alert: 'MooringRedisUnavailable',
  },
  {
    title: 'Limits reached',
    description: 'By limit; docs/concepts/recovery.md explains the effect of each. Good: none.',
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
  {
    title: 'Unreadable formats',
    description: 'What another version wrote and this one cannot read, by kind. Good: none.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (kind) (${perSecond('mooring_unreadable_total')})`,
        legend: '{{kind}}',
      },
    ],
    alert: 'MooringRecoveryFailing',
  },
];

const redis: Panel[] = [
  {
    title: 'Redis memory',
    description:
      'Used memory, and maxmemory if it is set. When it is full, Redis refuses every write.',
    kind: 'lines',
    unit: 'bytes',
    queries: [
      { expr: `max(${shown('mooring_redis_memory_bytes')})`, legend: 'used' },
      { expr: `max(${shown('mooring_redis_memory_max_bytes')} > 0)`, legend: 'maxmemory' },
    ],
    alert: 'MooringRedisMemoryHigh',
    empty: 'maxmemory is not set',
  },
  {
    title: 'Redis commands',
    description:
      'Per second, of all clients. Above 50,000, the single core of Redis may be the limit.',
    kind: 'lines',
    unit: 'ops',
    queries: [{ expr: `max(${shown('mooring_redis_commands_per_second')})`, legend: 'commands' }],
  },
  {
    title: 'Redis clients',
    description: 'Connections of all applications. Each process of Mooring has three.',
    kind: 'lines',
    unit: 'short',
    queries: [{ expr: `max(${shown('mooring_redis_clients')})`, legend: 'connections' }],
  },
];

export const redisPath: Dashboard = {
  uid: 'mooring-redis-path',
  title: 'Mooring / Redis path',
  description: 'The path of a message: into Redis, through it, and out to the sockets.',
  rows: [
    { title: 'Latency', panels: path },
    { title: 'Failures', panels: faults },
    { title: 'Redis', panels: redis },
  ],
};
