// The timeline of a client as text, printed when a run fails.
import { type ClientEvent, type History, nameOf, whenOf } from './history.ts';
import type { Violation } from './violation.ts';

/** All violations, then the requests and messages of the first client that has one. */
export function timelineOf(history: History, violations: Violation[]): string {
  const [first] = violations;
  if (!first) return '';
  const record = history.clients.find(({ name }) => name === first.client);
  const rows: [number, string][] = [
    ...violations.map(
      ({ at, kind, client, text }) =>
        [at, `${client === record?.name ? '>>>' : `(${client})`} ${kind}: ${text}`] as [
          number,
          string,
        ],
    ),
    ...history.disturbances.flatMap(({ from, to, what }): [number, string][] => [
      [from, `--- ${what}`],
      [to, `--- ${what}: over`],
    ]),
    ...history.endings.flatMap(({ what, user, sid, called, acknowledged }): [number, string][] => [
      [called, `--- ${what} of ${user ?? sid} is called`],
      ...(acknowledged
        ? [[acknowledged, `--- ${what} of ${user ?? sid} is accepted`] as [number, string]]
        : []),
    ]),
    ...(record?.events ?? []).map(
      (event) => [event.at, textOf(event, history)] as [number, string],
    ),
  ];
  rows.sort(([a], [b]) => a - b);
  const lines = rows.map(([at, text]) => `${at.toFixed(1).padStart(9)}  ${text}`);
  return [`timeline of ${first.client}, in milliseconds`, ...lines].join('\n');
}

function textOf(event: ClientEvent, { publishes }: History): string {
  switch (event.type) {
    case 'opened':
      return 'its transport is open';
    case 'presence':
      return `receives that ${event.user} ${event.change} ${event.room}, at ${event.offset}`;
    case 'connected':
      return `connected as ${event.sid}, ${event.recovered ? 'recovered' : 'not recovered'}`;
    case 'disconnected':
      return `disconnected: ${event.reason}`;
    case 'called':
      return `asks to ${event.action} ${event.room} (request ${event.request})`;
    case 'answered':
      return `request ${event.request} is ${event.ok ? 'granted' : 'not granted'}`;
    case 'received': {
      const publish = publishes.get(event.n);
      const when = publish ? whenOf(publish) : 'unknown';
      return `got ${nameOf(publish, event.n)} at ${event.offset ?? 'no offset'} (${when})`;
    }
    case 'sets':
      return `sends ${event.n} for its data`;
    case 'set':
      return `its data is acknowledged as ${event.n}`;
    case 'data':
      return `its data is ${event.n}`;
    case 'shown':
      return `got ${event.event} at ${event.offset}`;
    case 'note':
      return event.text;
  }
}
