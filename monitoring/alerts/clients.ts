// Alerts about refused, slow and lost clients, and about capacity.
import type { Alert } from '../alert.ts';
import { install, lostResults, requestCodes, sum, tokenCodes } from '../expression.ts';

const connectsRefused = sum(`increase(mooring_connects_total{result=~"${tokenCodes}"}[5m])`);
const requestsRefused = `mooring_refusals_total{code=~"${requestCodes}"}`;
const unknownSessions = 'mooring_engine_refusals_total{code="unknown_session"}';
const hpa = '{horizontalpodautoscaler=~".*mooring.*"}';

export const clientAlerts: Alert[] = [
  {
    name: 'MooringConnectsRefused',
    severity: 'critical',
    // Single clients with an old token are normal; half of all connects, and over twenty, are not.
    expr: `job:mooring_connects_refused:ratio_rate5m > 0.5\nand ${connectsRefused} > 20`,
    for: '5m',
    summary: 'Most connects are refused because of the token',
    description:
      '{{ $value | humanizePercentage }} of the connects to {{ $labels.job }} ' +
      '{{ $labels.namespace }} are refused because of the token: those users cannot connect.',
  },
  {
    name: 'MooringUnknownSessions',
    severity: 'critical',
    // The polling clients of a killed pod are a burst; without affinity it does not end.
    expr:
      `${sum(`increase(${unknownSessions}[5m])`)}\n` +
      `  > 0.2 * ${sum('increase(mooring_connects_total{result="accepted"}[5m])')}\n` +
      `and ${sum(`increase(${unknownSessions}[5m])`)} > 20`,
    for: '10m',
    summary: 'Requests reach replicas that do not know their session',
    description:
      '{{ $value | humanize }} requests to {{ $labels.job }} {{ $labels.namespace }} within five ' +
      'minutes were answered with `Session ID unknown`: the load balancer has no affinity, and ' +
      'clients that begin with polling cannot connect.',
  },
  {
    name: 'MooringRequestsRefused',
    severity: 'warning',
    expr:
      `${sum(`rate(${requestsRefused}[10m])`)}\n` +
      `  / ${sum('rate(mooring_messages_received_total[10m])')} > 0.1\n` +
      `and ${sum(`increase(${requestsRefused}[10m])`)} > 100`,
    for: '10m',
    summary: 'Many client requests are refused',
    description:
      '{{ $value | humanizePercentage }} of the requests to {{ $labels.job }} ' +
      '{{ $labels.namespace }} are refused: a faulty client release, or abuse.',
  },
  {
    name: 'MooringNearCapacity',
    severity: 'warning',
    // Autoscaling targets 70 % of the capacity. While it can still scale up, there is no alert.
    expr:
      'job:mooring_clients_limit:ratio > 0.85\nunless on (namespace)\n' +
      `  kube_horizontalpodautoscaler_status_current_replicas${hpa}\n` +
      `    < kube_horizontalpodautoscaler_spec_max_replicas${hpa}`,
    for: '5m',
    summary: 'Close to the connection limit, and autoscaling cannot help',
    description:
      '{{ $labels.job }} {{ $labels.namespace }} uses {{ $value | humanizePercentage }} of its ' +
      'connections. At the limit, new clients are refused with 503.',
  },
  {
    name: 'MooringSlowConsumers',
    severity: 'warning',
    expr:
      `${sum('increase(mooring_slow_consumers_total[10m])')} > 10\n` +
      `and ${sum('increase(mooring_slow_consumers_total[10m])')}\n` +
      `  > 0.01 * sum by (${install}) (mooring_clients)`,
    for: '0m',
    summary: 'Clients are disconnected because they read too slowly',
    description:
      '{{ $value | humanize }} clients of {{ $labels.job }} {{ $labels.namespace }} were ' +
      'disconnected within ten minutes with over 4 MiB unread. They reconnect and recover.',
  },
  {
    name: 'MooringRecoveryFailing',
    severity: 'warning',
    // Expired and refused sessions have their cause in the client and are not counted.
    expr:
      'job:mooring_recoveries_lost:ratio_rate15m > 0.2\n' +
      `and ${sum(`increase(mooring_recoveries_total{result=~"${lostResults}"}[15m])`)} > 20`,
    for: '5m',
    summary: 'Lost connections are not recovered',
    description:
      '{{ $value | humanizePercentage }} of the clients of {{ $labels.job }} ' +
      '{{ $labels.namespace }} that reconnected have lost their session: ' +
      'they join again and miss the messages that were sent meanwhile.',
  },
];
