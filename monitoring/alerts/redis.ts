// The way of messages, which is Redis.
import type { Alert } from '../alert.ts';
import { install } from '../expression.ts';

const failures = 'rate(mooring_probe_failures_total[2m])';

export const redisAlerts: Alert[] = [
  {
    name: 'MooringRedisAway',
    severity: 'critical',
    // A failover or a restart of Redis takes half a minute, which clients do not notice.
    expr: `count by (${install}) (mooring_redis_up == 0)`,
    for: '1m',
    summary: 'Redis is away',
    description:
      '{{ $value }} replicas of {{ $labels.job }} {{ $labels.namespace }} have no Redis: what ' +
      'their clients send is answered `unavailable`, and nothing reaches them.',
  },
  {
    name: 'MooringProbeFailing',
    severity: 'critical',
    // Redis away is told by the alert of that name.
    expr:
      `${failures} / (${failures} + rate(mooring_probe_delay_seconds_count[2m])) > 0.5\n` +
      'and mooring_redis_up == 1',
    for: '2m',
    summary: 'Messages do not get through Redis',
    description:
      '{{ $value | humanizePercentage }} of the messages that {{ $labels.instance }} sends to ' +
      'itself do not come back, though it has a connection to Redis: no message of a user does.',
  },
  {
    name: 'MooringDeliveryDelayed',
    severity: 'critical',
    // A conversation takes half a second. What an outage held back is over within the five minutes.
    expr: 'job:mooring_delivery_delay_seconds:p99_rate5m > 1',
    for: '5m',
    summary: 'Messages arrive late',
    description:
      'One message of a hundred takes {{ $value | humanizeDuration }} or more from Redis to the ' +
      'clients of {{ $labels.job }} {{ $labels.namespace }}.',
  },
  {
    name: 'MooringRedisMemoryHigh',
    severity: 'warning',
    // Redis must not evict, so it refuses writes when it is full: then nothing works.
    expr:
      `max by (${install}) (mooring_redis_memory_bytes)\n` +
      `  / max by (${install}) (mooring_redis_memory_max_bytes > 0) > 0.85`,
    for: '10m',
    summary: 'Redis is nearly full',
    description:
      'Redis of {{ $labels.job }} {{ $labels.namespace }} uses ' +
      '{{ $value | humanizePercentage }} of its memory. When it is full it ' +
      'refuses everything that clients send.',
  },
];
