// What clients are told, and what they do to the service.
import type { Alert } from '../alert.ts';
import { install, lostResults, requestCodes, sum, tokenCodes } from '../expression.ts';

const connectsRefused = sum(`increase(mooring_connects_total{result=~"${tokenCodes}"}[5m])`);
const requestsRefused = `mooring_refusals_total{code=~"${requestCodes}"}`;
const hpa = '{horizontalpodautoscaler=~".*mooring.*"}';

export const clientAlerts: Alert[] = [
  {
    name: 'MooringConnectsRefused',
    severity: 'critical',
    // One client with an old token asks once: half of all, and twenty, are more than that.
    expr: `job:mooring_connects_refused:ratio_rate5m > 0.5\nand ${connectsRefused} > 20`,
    for: '5m',
    summary: 'Most clients are refused for their token',
    description:
      '{{ $value | humanizePercentage }} of the connects to {{ $labels.job }} ' +
      '{{ $labels.namespace }} are refused for the token: those users stay outside.',
  },
  {
    name: 'MooringRequestsRefused',
    severity: 'warning',
    expr:
      `${sum(`rate(${requestsRefused}[10m])`)}\n` +
      `  / ${sum('rate(mooring_messages_received_total[10m])')} > 0.1\n` +
      `and ${sum(`increase(${requestsRefused}[10m])`)} > 100`,
    for: '10m',
    summary: 'Many requests of clients are refused',
    description:
      '{{ $value | humanizePercentage }} of what clients of {{ $labels.job }} ' +
      '{{ $labels.namespace }} ask for is refused: a release of theirs that is wrong, or abuse.',
  },
  {
    name: 'MooringNearCapacity',
    severity: 'warning',
    // Autoscaling aims at 0.7 of a tested capacity. An autoscaler with room left acts by itself.
    expr:
      'job:mooring_clients_limit:ratio > 0.85\nunless on (namespace)\n' +
      `  kube_horizontalpodautoscaler_status_current_replicas${hpa}\n` +
      `    < kube_horizontalpodautoscaler_spec_max_replicas${hpa}`,
    for: '5m',
    summary: 'Nearly as many connections as are allowed, and nothing scales',
    description:
      '{{ $labels.job }} {{ $labels.namespace }} has {{ $value | humanizePercentage }} of the ' +
      'connections it takes. Above that, new clients are told to come back later.',
  },
  {
    name: 'MooringSlowConsumers',
    severity: 'warning',
    expr:
      `${sum('increase(mooring_slow_consumers_total[10m])')} > 10\n` +
      `and ${sum('increase(mooring_slow_consumers_total[10m])')}\n` +
      `  > 0.01 * sum by (${install}) (mooring_clients)`,
    for: '0m',
    summary: 'Clients are closed because they read too slowly',
    description:
      '{{ $value | humanize }} clients of {{ $labels.job }} {{ $labels.namespace }} were closed ' +
      'in ten minutes with over 4 MiB unread. They come back and recover, if they can keep up.',
  },
  {
    name: 'MooringRecoveryFailing',
    severity: 'warning',
    // Expired and refused sessions are the clients' own doing and are not counted.
    expr:
      'job:mooring_recoveries_lost:ratio_rate15m > 0.2\n' +
      `and ${sum(`increase(mooring_recoveries_total{result=~"${lostResults}"}[15m])`)} > 20`,
    for: '5m',
    summary: 'Lost connections are not recovered',
    description:
      '{{ $value | humanizePercentage }} of the clients of {{ $labels.job }} ' +
      '{{ $labels.namespace }} that came back have lost their session: ' +
      'they join anew and miss what was sent meanwhile.',
  },
];
