// Events of a trail as lines for people.
import { isoOf } from '../../lib/wall-clock.ts';
import type { TrailEvent } from '../../telemetry/trail/event.ts';

const podWidth = 12;
const typeWidth = 12;
const namesMax = 1_000;

/** Shows deliveries with the name of the event that was published under their message id. */
export function createLines() {
  const names = new Map<string, string>();
  return (event: TrailEvent): string => {
    const { messageId, event: name } = event;
    if (messageId && name) {
      names.set(messageId, name);
      const [oldest] = names.keys();
      if (names.size > namesMax && oldest) names.delete(oldest);
    }
    return lineOf({ ...event, event: name ?? names.get(messageId ?? '') });
  };
}

function lineOf(event: TrailEvent): string {
  const time = isoOf(event.at).slice(11);
  const words = [...details[event.type](event), ...about(event)].filter(Boolean);
  return [time, event.pod.padEnd(podWidth), event.type.padEnd(typeWidth), ...words].join('  ');
}

type Words = (string | undefined | false)[];

const details: Record<TrailEvent['type'], (event: TrailEvent) => Words> = {
  following: ({ sockets }) => [sockets === 1 ? '1 socket now' : `${sockets} sockets now`],
  present: () => [],
  connected: ({ transport, recovered }) => [transport, recovered ? 'recovered' : 'new session'],
  disconnected: ({ reason }) => [reason],
  recovery: ({ result, replayed, offset }) => [
    result,
    result === 'recovered' && `replays ${replayed}`,
    offset ? `after ${offset}` : 'after no message',
  ],
  joined: ({ room }) => [room],
  left: ({ room }) => [room],
  published: (event) => [...message(event), event.result, targetOf(event)],
  delivered: (event) => [...message(event), event.missed && 'replayed'],
  limited: ({ limit, omitted }) => [`${omitted} events left out (${limit})`],
};

const message = ({ event, messageId, volatile }: TrailEvent): Words => [
  event,
  messageId && `message ${messageId}`,
  volatile && 'volatile',
];

function targetOf({ rooms = [], targets = 0, except = 0 }: TrailEvent): string {
  const more = targets > rooms.length ? ` and ${targets - rooms.length} more` : '';
  const left = except > 0 ? `, except ${except}` : '';
  return `to ${rooms.length > 0 ? rooms.join(', ') : 'everybody'}${more}${left}`;
}

const about = ({ namespace, socketId, sessionId }: TrailEvent): Words => [
  namespace !== '/' && namespace,
  socketId && `socket ${socketId}`,
  sessionId && `session ${sessionId}`,
];
