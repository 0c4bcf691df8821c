// Alerts about replicas: ready, responsive, stable and balanced.
import type { Alert } from '../alert.ts';
import { install, rise, sum } from '../expression.ts';

export const replicaAlerts: Alert[] = [
  {
    name: 'MooringNoReadyPod',
    severity: 'critical',
    // Also fires when all replicas are gone but existed within the last day.
    expr:
      `${sum('mooring_ready')} == 0\nor count by (${install}) (max_over_time(mooring_ready[1d]))` +
      ` unless count by (${install}) (mooring_ready)`,
    for: '1m',
    summary: 'No replica accepts clients',
    description:
      'No replica of {{ $labels.job }} {{ $labels.namespace }} is ready, or none exists: ' +
      'clients can neither connect nor reconnect.',
  },
  {
    name: 'MooringPodSilent',
    severity: 'warning',
    // Liveness restarts a frozen pod within 45 seconds; this pod does not recover by itself.
    expr: 'up == 0 and on (namespace, job, instance) count_over_time(mooring_ready[1h])',
    for: '2m',
    summary: 'A replica does not respond',
    description:
      '{{ $labels.instance }} has not answered a scrape for two minutes. Its clients receive ' +
      'nothing until their ping timeout, within 45 seconds, and then reconnect elsewhere.',
  },
  {
    name: 'MooringPodOverloaded',
    severity: 'warning',
    // A peak is over sooner; peers take the clients meanwhile.
    expr: 'mooring_overload > 0',
    for: '2m',
    summary: 'A replica refuses new clients because it is overloaded',
    description:
      '{{ $labels.instance }} has been refusing new clients for two minutes: its event loop is ' +
      'late, or its heap or memory is nearly full. At 2 it also closes connections; it is at ' +
      '{{ $value }}.',
  },
  {
    name: 'MooringPodRestarts',
    severity: 'warning',
    // One restart can be a lost node; two within half an hour have a persistent cause.
    expr: 'changes(mooring_start_time_seconds[30m]) >= 2',
    for: '0m',
    summary: 'A replica keeps restarting',
    description:
      '{{ $labels.instance }} or one of its workers restarted {{ $value }} times in half an ' +
      'hour. Each time its clients lose their connection at once and recover elsewhere.',
  },
  {
    name: 'MooringPodsUnbalanced',
    severity: 'warning',
    // Rebalancing acts above 15 %; 50 % for a quarter of an hour means that it does not work.
    expr:
      `max by (${install}) (mooring_clients and mooring_ready == 1)\n` +
      `  > 1.5 * avg by (${install}) (mooring_clients and mooring_ready == 1)\n` +
      `and max by (${install}) (mooring_clients and mooring_ready == 1)\n` +
      `  - avg by (${install}) (mooring_clients and mooring_ready == 1) > 50`,
    for: '15m',
    summary: 'One replica has far more clients than the others',
    description:
      'The fullest replica of {{ $labels.job }} {{ $labels.namespace }} has {{ $value }} ' +
      'clients, more than 1.5 times the mean: it is slower, and losing it affects more clients.',
  },
  {
    name: 'MooringRolloutReconnects',
    severity: 'warning',
    // A rollout costs one reconnect per client; mobile networks always add some.
    expr:
      `${sum(rise('mooring_recoveries_total', 15))}\n` +
      '  / (max_over_time(job:mooring_clients:sum[15m]) > 20) > 1.5\n' +
      `and max by (${install}) (max_over_time(mooring_draining[15m])) == 1`,
    for: '0m',
    summary: 'A rollout reconnects clients more than once',
    description:
      'Within a quarter of an hour each client of {{ $labels.job }} {{ $labels.namespace }} ' +
      'reconnected {{ $value | humanize }} times. Nothing is lost, but it costs battery and load.',
  },
];
