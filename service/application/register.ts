// The events that each namespace handles: one table per namespace, none per socket.
import { type ClientEvent, reservedEvents } from '../protocol/events.ts';
import type { MooringNamespace, MooringServer } from '../protocol/identity.ts';
import type { Register } from './index.ts';

/** An event definition with the `app` that it was registered with. */
export interface Registered {
  event: ClientEvent;
  app: unknown;
}

export interface Events {
  register: Register;
  find(namespace: MooringNamespace, event: string): Registered | undefined;
}

export function createEvents(): Events {
  const tables = new WeakMap<MooringNamespace, Map<string, Registered>>();
  const tableOf = (namespace: MooringNamespace) => {
    const table = tables.get(namespace) ?? new Map<string, Registered>();
    tables.set(namespace, table);
    return table;
  };
  return {
    register(target, events, ...[app]) {
      const namespace = namespaceOf(target);
      const table = tableOf(namespace);
      for (const event of events as ClientEvent[]) {
        const { name } = event;
        if (reservedEvents.has(name)) throw new Error(`Socket.IO reserves the event ${name}`);
        if (table.has(name)) throw new Error(`the event ${name} is registered twice`);
        table.set(name, { event, app });
      }
      // A dynamic namespace creates children when clients connect. They copy its listeners.
      namespace.on('connect', ({ nsp }) => {
        if (nsp === namespace) return;
        const child = tableOf(nsp);
        for (const [name, registered] of table) child.set(name, registered);
      });
    },
    find: (namespace, event) => tables.get(namespace)?.get(event),
  };
}

const namespaceOf = (target: MooringServer | MooringNamespace): MooringNamespace =>
  'of' in target ? target.of('/') : target;
