// What a roll-out, a scale-down or a node drain does to clients.
import { handshakeRefusalReasons } from '../../service/protocol/refusals.ts';
import type { Dashboard, Panel } from '../dashboard.ts';
import { byInfo, perSecond, rise, shown } from '../expression.ts';

const clients = `sum(${shown('mooring_clients')})`;
const moved = `code=~"${handshakeRefusalReasons.join('|')}"`;

const fleet: Panel[] = [
  {
    title: 'Replicas per revision',
    description: 'Two revisions at once are a roll-out; for long, one that is stuck.',
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
    description: 'They should move once, from the old to the new, and not back and forth.',
    kind: 'stacked',
    unit: 'short',
    queries: [{ expr: byInfo('revision', shown('mooring_clients')), legend: '{{revision}}' }],
    alert: 'MooringRolloutReconnects',
  },
  {
    title: 'Left on draining replicas',
    description: 'A drain takes them to zero within DRAIN_MS_MAX. No drain: zero all the time.',
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
      'Attempts to recover in a quarter of an hour, against the clients. A roll-out costs one; ' +
      'networks that come and go add a little.',
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
      'By result. Recovered: rooms joined, what was missed replayed. Trimmed and unknown: lost. ' +
      'Expired: too late. Refused: of somebody else.',
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
    title: 'Handshakes sent elsewhere',
    description: 'Answered 503 so that a proxy takes them to another replica, by reason.',
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
    description: 'A drain is paced: a flat hill is good, a needle is not.',
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
    description: 'Of replicas and their workers, in the last half hour. Good: none.',
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
  description: 'What a roll-out, a scale-down or a node drain does to clients.',
  rows: [
    { title: 'The fleet', panels: fleet },
    { title: 'What it costs clients', panels: cost },
  ],
};
