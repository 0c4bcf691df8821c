// For each alert, when it must fire, and when it must not.
import { allPods, type Case, fires, gone, of, quiet, scaled } from './healthy.ts';

export const cases: Record<string, { firing: Case[]; quiet: Case[] }> = {
  MooringNoReadyPod: {
    firing: [
      fires('MooringNoReadyPod', 12, allPods('ready', '1x9 0x50')),
      { series: gone, at: 30, fires: ['MooringNoReadyPod'] }, // uninstalled by somebody
    ],
    quiet: [quiet(12, { [of('ready', 'a')]: '0x60', [of('ready', 'b')]: '0x60' })],
  },
  MooringPodSilent: {
    firing: [
      fires('MooringPodSilent', 14, {
        'up{namespace="chat",job="mooring",instance="b"}': '1x9 0x50',
        [of('ready', 'b')]: '1x9 _x50',
      }),
    ],
    // A pod that never was one of Mooring's, and one that ends: it is no target any more.
    quiet: [
      quiet(14, {
        'up{namespace="chat",job="mooring",instance="other"}': '0x60',
        'up{namespace="chat",job="mooring",instance="b"}': '1x9 0 stale',
      }),
    ],
  },
  MooringPodOverloaded: {
    firing: [fires('MooringPodOverloaded', 14, { [of('overload')]: '0x9 1x50' })],
    quiet: [quiet(14, { [of('overload')]: '0x9 1 0x50' })],
  },
  MooringPodRestarts: {
    firing: [fires('MooringPodRestarts', 31, { [of('start_time_seconds')]: '1x9 2x9 3x40' })],
    quiet: [quiet(31, { [of('start_time_seconds')]: '1x9 2x50' })],
  },
  MooringPodsUnbalanced: {
    firing: [fires('MooringPodsUnbalanced', 30, { [of('clients')]: '400x60' })],
    quiet: [
      quiet(30, { [of('clients')]: '140x60' }),
      // Empty, but still starting: it is not ready for any.
      quiet(30, { [of('clients')]: '0x60', [of('ready')]: '0x60' }),
    ],
  },
  MooringRolloutReconnects: {
    firing: [
      fires('MooringRolloutReconnects', 30, {
        ...allPods('recoveries_total', '0x15 0+15x40', 'result="recovered"'),
        [of('draining')]: '0x18 1 0x40',
      }),
      // On new replicas, before they are scraped for the first time.
      fires('MooringRolloutReconnects', 30, {
        [of('recoveries_total', 'd', 'result="recovered"')]: '_x20 300x40',
        [of('start_time_seconds', 'd')]: '_x20 1190x40',
        [of('recoveries_total', 'e', 'result="recovered"')]: '_x24 300x40',
        [of('start_time_seconds', 'e')]: '_x24 1430x40',
        [of('draining')]: '0x18 1 0x40',
      }),
    ],
    quiet: [
      // Of replicas that have counted a lot, but long ago.
      quiet(30, {
        ...allPods('recoveries_total', '9000x60', 'result="recovered"'),
        [of('draining')]: '0x18 1 0x40',
      }),
      // Once each.
      quiet(30, {
        ...allPods('recoveries_total', '0x15 0+7x40', 'result="recovered"'),
        [of('draining')]: '0x18 1 0x40',
      }),
      // An unstable network without a rollout.
      quiet(30, allPods('recoveries_total', '0x15 0+15x40', 'result="recovered"')),
    ],
  },
  MooringRedisUnavailable: {
    firing: [
      fires('MooringRedisUnavailable', 12, {
        ...allPods('redis_up', '1x9 0x50'),
        ...allPods('live', '1x9 0x50'),
      }),
    ],
    quiet: [quiet(15, { ...allPods('redis_up', '1x9 0 1x50'), ...allPods('live', '1x9 0 1x50') })],
  },
  MooringPodBehind: {
    firing: [
      // Cut off, and without a catch-up that ends.
      fires('MooringPodBehind', 12, {
        [of('redis_up', 'b')]: '1x9 0x50',
        [of('live', 'b')]: '1x9 0x50',
      }),
      fires('MooringPodBehind', 12, { [of('live', 'b')]: '1x9 0x50' }),
      {
        series: { [of('live')]: '1x9 0x50', [of('redis_up')]: '1x60', [of('ready')]: '1x60' },
        at: 12,
        fires: ['MooringPodBehind'],
      },
    ],
    quiet: [
      quiet(15, { [of('live', 'b')]: '1x9 0 1x50' }),
      // All of them start, and wait for Redis to be set up.
      quiet(11, { ...allPods('live', '0x60'), ...allPods('ready', '0x9 0 1x50') }),
    ],
  },
  MooringProbeFailing: {
    firing: [
      fires('MooringProbeFailing', 16, {
        [of('probe_failures_total')]: '0x9 0+30x50',
        [of('probe_delay_seconds_count')]: '300x60',
      }),
    ],
    quiet: [
      // While Redis is unavailable only its own alert fires.
      {
        ...fires('MooringRedisUnavailable', 16, {
          [of('probe_failures_total')]: '0x9 0+30x50',
          [of('probe_delay_seconds_count')]: '300x60',
          ...allPods('redis_up', '1x9 0x50'),
          ...allPods('live', '1x9 0x50'),
        }),
      },
      quiet(16, { [of('probe_failures_total')]: '0x9 0+5x50' }),
    ],
  },
  MooringDeliveryDelayed: {
    firing: [
      fires('MooringDeliveryDelayed', 25, {
        [of('delivery_delay_seconds_bucket', 'a', 'le="0.01"')]: '0x60',
      }),
    ],
    // A few, and many for a moment.
    quiet: [
      quiet(25, { [of('delivery_delay_seconds_bucket', 'a', 'le="0.01"')]: '0+595x60' }),
      quiet(25, {
        [of('delivery_delay_seconds_bucket', 'a', 'le="0.01"')]: '0+600x18 10800 11400+600x40',
      }),
    ],
  },
  MooringRedisMemoryHigh: {
    firing: [fires('MooringRedisMemoryHigh', 22, allPods('redis_memory_bytes', '90x60'))],
    quiet: [
      quiet(22, allPods('redis_memory_max_bytes', '0x60')), // without a bound it has no share
      quiet(22, allPods('redis_memory_bytes', '80x60')),
    ],
  },
  MooringConnectsRefused: {
    firing: [
      fires('MooringConnectsRefused', 20, {
        ...allPods('connects_total', '0+60x60', 'result="invalid_token"'),
      }),
    ],
    quiet: [
      quiet(20, allPods('connects_total', '0+5x60', 'result="invalid_token"')),
      // All that try, but few do.
      quiet(20, {
        ...allPods('connects_total', '0x60', 'result="accepted"'),
        [of('connects_total', 'a', 'result="invalid_token"')]: '0+1x60',
      }),
    ],
  },
  MooringUnknownSessions: {
    firing: [
      fires(
        'MooringUnknownSessions',
        25,
        allPods('engine_refusals_total', '0+40x60', 'code="unknown_session"'),
      ),
    ],
    quiet: [
      // A killed pod with many polling clients: a burst.
      quiet(25, allPods('engine_refusals_total', '0x9 5000x50', 'code="unknown_session"')),
      quiet(25, allPods('engine_refusals_total', '0+1x60', 'code="unknown_session"')),
    ],
  },
  MooringRequestsRefused: {
    firing: [
      fires('MooringRequestsRefused', 25, {
        ...allPods('refusals_total', '0+100x60', 'code="invalid_payload"'),
      }),
    ],
    // Redis away, which has an alert of its own.
    quiet: [quiet(25, allPods('refusals_total', '0+300x60', 'code="unavailable"'))],
  },
  MooringNearCapacity: {
    firing: [
      fires('MooringNearCapacity', 20, allPods('clients', '9000x60')),
      fires('MooringNearCapacity', 20, { ...allPods('clients', '9000x60'), ...scaled(10, 10) }),
    ],
    quiet: [
      quiet(20, allPods('clients', '8000x60')),
      quiet(20, { ...allPods('clients', '9000x60'), ...scaled(5, 10) }),
    ],
  },
  MooringSlowConsumers: {
    firing: [fires('MooringSlowConsumers', 20, allPods('slow_consumers_total', '0+1x60'))],
    quiet: [
      quiet(20, { [of('slow_consumers_total')]: '0x9 5x50' }),
      // Of so many clients some always are.
      quiet(20, { ...allPods('slow_consumers_total', '0+1x60'), ...allPods('clients', '5000x60') }),
    ],
  },
  MooringRecoveryFailing: {
    firing: [
      fires('MooringRecoveryFailing', 30, {
        ...allPods('recoveries_total', '0+8x60', 'result="trimmed"'),
      }),
    ],
    quiet: [
      quiet(30, allPods('recoveries_total', '0+1x60', 'result="trimmed"')),
      // They came back too late, or with somebody else's session.
      quiet(30, {
        ...allPods('recoveries_total', '0+90x60', 'result="expired"'),
        ...allPods('recoveries_total', '0+90x60', 'result="refused"'),
      }),
    ],
  },
};
