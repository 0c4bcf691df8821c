// The timeline of a client as text, printed when a run fails.
import { type ClientEvent, type ClientRecord, type History, nameOf, whenOf } from './history.ts';
import type { Violation } from './violation.ts';

/** All violations, with the requests and messages of the first client that has one. */
export function timelineOf(history: History, violations: Violation[]): string {
  const [first] = violations;
  if (!first) return '';
  const record = history.clients.find(({ name }) => name === first.client);
  const rows = violations.map(({ at, kind, client, text }): Row => {
    const whose = client === record?.name ? '>>>' : `(${client})`;
    return [at, `${whose} ${kind}: ${text}`];
  });
  return render(first.client, [...rows, ...faultsOf(history), ...eventsOf(record, history)]);
}

/** The requests and messages of a client. */
export const recordOf = (record: ClientRecord, history: History): string =>
  render(`${record.name} of ${record.user}`, [...faultsOf(history), ...eventsOf(record, history)]);

type Row = [at: number, text: string];

function render(name: string, rows: Row[]): string {
  rows.sort(([a], [b]) => a - b);
  const lines = rows.map(([at, text]) => `${at.toFixed(1).padStart(9)}  ${text}`);
  return [`timeline of ${name}, in milliseconds`, ...lines].join('\n');
}

const eventsOf = (record: ClientRecord | undefined, history: History): Row[] =>
  (record?.events ?? []).map((event) => [event.at, textOf(event, history)]);

function faultsOf({ disturbances, endings }: History): Row[] {
  const faults = disturbances.flatMap(({ from, to, what }): Row[] => [
    [from, `--- ${what}`],
    [to, `--- ${what}: over`],
  ]);
  const commands = endings.flatMap(({ what, user, sid, called, acknowledged }): Row[] => {
    const name = `--- ${what} of ${user ?? sid}`;
    const call: Row = [called, `${name} is called`];
    return acknowledged ? [call, [acknowledged, `${name} is accepted`]] : [call];
  });
  return [...faults, ...commands];
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
