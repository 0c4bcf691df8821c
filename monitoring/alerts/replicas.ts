// Whether replicas are there, and stay.
import type { Alert } from '../alert.ts';
import { install, rise, sum } from '../expression.ts';

export const replicaAlerts: Alert[] = [
  {
    name: 'MooringNoReadyPod',
    severity: 'critical',
    // Or there are none at all any more, while there were some in the last day.
    expr:
      `${sum('mooring_ready')} == 0\nor count by (${install}) (max_over_time(mooring_ready[1d]))` +
      ` unless count by (${install}) (mooring_ready)`,
    for: '1m',
    summary: 'No replica takes clients',
    description:
      'No replica of {{ $labels.job }} {{ $labels.namespace }} is ready, or none is there: ' +
      'nobody can connect, and whoever loses the connection stays away.',
  },
  {
    name: 'MooringPodSilent',
    severity: 'warning',
    // Liveness restarts a frozen pod within 45 seconds; this is one that nothing repairs.
    expr: 'up == 0 and on (namespace, job, instance) count_over_time(mooring_ready[1h])',
    for: '2m',
    summary: 'A replica does not answer',
    description:
      '{{ $labels.instance }} has not answered a scrape for two minutes. Its clients hear ' +
      'nothing until they give up, within 45 seconds, and come back elsewhere.',
  },
  {
    name: 'MooringPodRestarts',
    severity: 'warning',
    // Once is a node that went; twice within half an hour is a reason that stays.
    expr: 'changes(mooring_start_time_seconds[30m]) >= 2',
    for: '0m',
    summary: 'A replica keeps restarting',
    description:
      '{{ $labels.instance }} has restarted {{ $value }} times in half an hour, itself or one of ' +
      'its workers. Each time its clients are cut off at once and recover elsewhere.',
  },
  {
    name: 'MooringPodsUnbalanced',
    severity: 'warning',
    // Rebalancing acts on 15 percent; half as much again for a quarter of an hour is none at work.
    expr:
      `max by (${install}) (mooring_clients and mooring_ready == 1)\n` +
      `  > 1.5 * avg by (${install}) (mooring_clients and mooring_ready == 1)\n` +
      `and max by (${install}) (mooring_clients and mooring_ready == 1)\n` +
      `  - avg by (${install}) (mooring_clients and mooring_ready == 1) > 50`,
    for: '15m',
    summary: 'One replica has far more clients than the others',
    description:
      'The fullest replica of {{ $labels.job }} {{ $labels.namespace }} has {{ $value }} ' +
      'clients, over one and a half times the mean: it is slower, and its loss costs more.',
  },
  {
    name: 'MooringRolloutReconnects',
    severity: 'warning',
    // A roll-out costs each client one reconnect; phones that move cost some at any time.
    expr:
      `${sum(rise('mooring_recoveries_total', 15))}\n` +
      '  / (max_over_time(job:mooring_clients:sum[15m]) > 20) > 1.5\n' +
      `and max by (${install}) (max_over_time(mooring_draining[15m])) == 1`,
    for: '0m',
    summary: 'A roll-out reconnects clients more than once',
    description:
      'In a quarter of an hour each client of {{ $labels.job }} {{ $labels.namespace }} came ' +
      'back {{ $value | humanize }} times. Nothing is lost, but it costs battery and load.',
  },
];
