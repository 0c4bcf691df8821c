// Alerts about Redis and the delivery path through it.
import type { Alert } from '../alert.ts';
import { install } from '../expression.ts';

/** 1 for an install with a replica that receives messages. */
const received = `(max by (${install}) (mooring_live) == 1)`;
const failures = 'rate(mooring_probe_failures_total[2m])';

export const redisAlerts: Alert[] = [
  {
    name: 'MooringRedisUnavailable',
    severity: 'critical',
    // A failover or restart of Redis takes half a minute; retries cover it. If it is available to
    // other replicas, MooringPodBehind fires instead.
    expr: `count by (${install}) (mooring_redis_up == 0)\nunless on (${install}) ${received}`,
    for: '1m',
    summary: 'Redis is unavailable',
    description:
      '{{ $value }} replicas of {{ $labels.job }} {{ $labels.namespace }} cannot reach Redis: ' +
      'their clients receive nothing, and what they send is answered with `unavailable`.',
  },
  {
    name: 'MooringPodBehind',
    severity: 'critical',
    // After half a minute its clients are moved; a catch-up takes seconds.
    expr:
      `mooring_live == 0 and on (${install}) ${received}\n` +
      'or mooring_live == 0 and mooring_redis_up == 1 and mooring_ready == 1',
    for: '1m',
    summary: 'A replica receives no messages',
    description:
      '{{ $labels.instance }} receives no messages, although Redis is available: it is cut off ' +
      'from Redis, or its catch-up does not end. If other replicas receive messages, its clients ' +
      'move there.',
  },
  {
    name: 'MooringProbeFailing',
    severity: 'critical',
    // Without Redis only MooringRedisUnavailable or MooringPodBehind fires.
    expr:
      `${failures} / (${failures} + rate(mooring_probe_delay_seconds_count[2m])) > 0.5\n` +
      'and mooring_live == 1',
    for: '2m',
    summary: 'Messages are not delivered through Redis',
    description:
      '{{ $value | humanizePercentage }} of the self-probes of {{ $labels.instance }} fail, ' +
      'although it is connected to Redis: user messages are lost or late as well.',
  },
  {
    name: 'MooringDeliveryDelayed',
    severity: 'critical',
    // Above a second a conversation stalls. An outage's backlog is gone within five minutes.
    expr: 'job:mooring_delivery_delay_seconds:p99_rate5m > 1',
    for: '5m',
    summary: 'Messages arrive late',
    description:
      'One in a hundred messages takes {{ $value | humanizeDuration }} or longer from Redis to ' +
      'the clients of {{ $labels.job }} {{ $labels.namespace }}.',
  },
  {
    name: 'MooringRedisMemoryHigh',
    severity: 'warning',
    // Redis must not evict keys, so it refuses every write when it is full.
    expr:
      `max by (${install}) (mooring_redis_memory_bytes)\n` +
      `  / max by (${install}) (mooring_redis_memory_max_bytes > 0) > 0.85`,
    for: '10m',
    summary: 'Redis is nearly full',
    description:
      'Redis of {{ $labels.job }} {{ $labels.namespace }} uses ' +
      '{{ $value | humanizePercentage }} of its memory limit. When it is ' +
      'full, every message is refused.',
  },
];
