// What clients notice of a rollout, a scale-down or a node drain.
import { handshakeRefusalReasons } from '../../service/protocol/refusals.ts';
import type { Dashboard, Panel } from '../dashboard.ts';
import { byInfo, perSecond, rise, shown } from '../expression.ts';

const clients = `sum(${shown('mooring_clients')})`;
const moved = `code=~"${handshakeRefusalReasons.join('|')}"`;

const fleet: Panel[] = [
  {
    title: 'Replicas per revision',
    description: 'Two revisions at once are a rollout; if it takes long, it is stuck.',
    kind: 'stacked',
    unit: 'none',
    queries: [
      {
        expr: `sum by (revision, version) (${shown('mooring_info')})`,
        legend: '{{version}} {{revision}}',
      },
    ],
  },
  {
    title: 'Clients per revision',
    description: 'Clients should move once, from the old revision to the new one, and never back.',
    kind: 'stacked',
    unit: 'short',
    queries: [{ expr: byInfo('revision', shown('mooring_clients')), legend: '{{revision}}' }],
    alert: 'MooringRolloutReconnects',
  },
  {
    title: 'Clients on draining replicas',
    description: 'A drain brings them to zero within DRAIN_MS_MAX. Without a drain: always zero.',
    kind: 'lines',
    unit: 'short',
    queries: [
      {
        expr: byInfo('replica', `${shown('mooring_clients')} * ${shown('mooring_draining')}`),
        legend: '{{replica}}',
      },
    ],
  },
];

const cost: Panel[] = [
  {
    title: 'Reconnects per client',
    description:
      'Attempts to recover within a quarter of an hour, per client. A rollout costs one; ' +
      'unstable networks add a few.',
    kind: 'lines',
    unit: 'short',
    queries: [
      {
        expr:
          `sum(${rise(shown('mooring_recoveries_total'), 15)}) / ` +
          `clamp_min(max_over_time(${clients}[15m:5s]), 1)`,
        legend: 'per client',
      },
    ],
    alert: 'MooringRolloutReconnects',
  },
  {
    title: 'Recoveries',
    description:
      'By result. Recovered: with rooms and missed messages. Trimmed and unknown: session lost. ' +
      'Expired: too late. Refused: session of another user.',
    kind: 'stacked',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (result) (${perSecond('mooring_recoveries_total')})`,
        legend: '{{result}}',
      },
    ],
    alert: 'MooringRecoveryFailing',
  },
  {
    title: 'Refused handshakes',
    description: 'Answered 503, so that a proxy retries them on another replica, by code.',
    kind: 'stacked',
    unit: 'ops',
    queries: [
      {
        expr: `sum by (code) (${perSecond('mooring_refusals_total', moved)})`,
        legend: '{{code}}',
      },
    ],
  },
  {
    title: 'Connects and disconnects',
    description: 'A drain is gradual: a flat plateau is good, a spike is not.',
    kind: 'lines',
    unit: 'ops',
    queries: [
      {
        expr: `sum(${perSecond('mooring_connects_total', 'result="accepted"')})`,
        legend: 'connects',
      },
      { expr: `sum(${perSecond('mooring_disconnects_total')})`, legend: 'disconnects' },
    ],
  },
  {
    title: 'Restarts',
    description: 'Restarts of replicas and their workers within half an hour. Good: none.',
    kind: 'lines',
    unit: 'none',
    queries: [
      {
        expr: byInfo('replica', `changes(${shown('mooring_start_time_seconds')}[30m])`),
        legend: '{{replica}}',
      },
    ],
    alert: 'MooringPodRestarts',
  },
];

export const rollouts: Dashboard = {
  uid: 'mooring-rollouts',
  title: 'Mooring / Rollouts',
  description: 'What clients notice of a rollout, a scale-down or a node drain.',
  rows: [
    { title: 'Fleet', panels: fleet },
    { title: 'Impact on clients', panels: cost },
  ],
};
