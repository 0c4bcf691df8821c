// Every event of the service and its built-in application, on the namespaces where it is.
import { refreshToken } from '../../service/auth/refresh.ts';
import { chatEvents } from '../../service/chat/chat.ts';
import { type ClientEvent, type ServerEvent, serverEvents } from '../../service/protocol/events.ts';

export const namespaces = ['/', '/admin'] as const;
export type NamespaceName = (typeof namespaces)[number];

/** What clients may send on a namespace. */
export const clientEventsOf = (namespace: NamespaceName): ClientEvent[] => [
  ...(chatEvents[namespace] as ClientEvent[]),
  refreshToken as ClientEvent,
];

/** What clients get on a namespace. */
export const serverEventsOf = (namespace: NamespaceName): ServerEvent[] =>
  serverEvents.filter((event) => event.namespace === 'every' || event.namespace === namespace);
