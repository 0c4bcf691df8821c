// Guards all handlers: what they throw, or reject with, is reported and answered. What they throw
// later, in a callback of a timer for example, ends the process after a drain (service/main.ts).
import { Socket } from 'socket.io';
import { replyTo } from '../application/handle.ts';
import { inHandler } from '../lib/current-handler.ts';
import { Busy } from '../lib/limiter-by-key.ts';
import type { MooringNamespace, MooringServer, MooringSocket } from '../protocol/identity.ts';
import { type Refusal, refusal } from '../protocol/refusals.ts';
import { isUnavailable } from '../stores/broadcast.ts';
import type { Metrics } from '../telemetry/metrics.ts';

type Report = (stage: string, error: unknown, details?: object) => void;
type Listener = (...args: unknown[]) => unknown;

const lifecycleEvents = new Set(['disconnect', 'disconnecting', 'error']);

/** The refusal after a handler failed. Any error but an unavailable Redis is a bug. */
export function handlerFailed(
  error: unknown,
  event: string,
  socket: MooringSocket,
  report: Report,
): Refusal {
  if (isUnavailable(error)) return refusal('unavailable');
  if (error instanceof Busy) return refusal('busy');
  report('handler', error, { event, socketId: socket.id });
  return refusal('internal');
}

/** Replacements for the methods that register handlers on a socket. They guard each handler. */
export function guardedMethods(metrics: Metrics, report: Report): Record<string, Listener> {
  const methods: Record<string, Listener> = {};
  for (const name of ['on', 'addListener', 'prependListener'] as const) {
    const register = Socket.prototype[name] as Listener;
    methods[name] = function guarded(this: MooringSocket, ...given: unknown[]) {
      const [event, handler] = given as [string, Listener];
      const failed = (error: unknown, args: unknown[]) => {
        const answer = handlerFailed(error, event, this, report);
        if (!lifecycleEvents.has(event)) replyTo(this, event, args, metrics)(answer);
      };
      // EventEmitter uses this property to find a wrapped listener when removing it.
      const safe = Object.assign(safely(event, handler, failed), { listener: handler });
      return register.call(this, event, safe);
    };
  }
  for (const name of [
    'onAny',
    'prependAny',
    'onAnyOutgoing',
    'prependAnyOutgoing',
    'use',
  ] as const) {
    const register = Socket.prototype[name] as Listener;
    const failed = (error: unknown) => report('handler', error, { method: name });
    methods[name] = function guarded(this: MooringSocket, ...given: unknown[]) {
      return register.call(this, safely(name, given[0] as Listener, failed));
    };
  }
  return methods;
}

/** Guards the handlers that an application registers on a namespace. */
export function guardNamespace(namespace: MooringNamespace, report: Report): void {
  const on = namespace.on as Listener;
  Reflect.set(namespace, 'on', (event: string, handler: Listener) => {
    const failed = (error: unknown) => report('handler', error, { event });
    const connects = event === 'connect' || event === 'connection';
    return on.call(namespace, event, connects ? safely(event, handler, failed) : handler);
  });
  const use = namespace.use as Listener;
  Reflect.set(namespace, 'use', (middleware: Listener) =>
    use.call(namespace, (socket: unknown, next: (error: Error) => void) => {
      const failed = (error: unknown) => {
        report('handler', error, { middleware: namespace.name });
        next(new Error('Internal error'));
      };
      safely('use', middleware, failed)(socket, next);
    }),
  );
}

/**
 * Guards the handlers of dynamic namespaces. These emit no `new_namespace`, and their children copy
 * the registered handlers before they emit theirs.
 */
export function guardDynamicNamespaces(io: MooringServer, report: Report): void {
  const of = io.of as (...given: unknown[]) => MooringNamespace;
  Reflect.set(io, 'of', (...given: unknown[]) => {
    const namespace = of.apply(io, given);
    if (typeof given[0] !== 'string') guardNamespace(namespace, report);
    return namespace;
  });
}

/** Calls `failed` if the handler throws or its promise rejects. */
function safely(
  name: string,
  handler: Listener,
  failed: (error: unknown, args: unknown[]) => void,
): Listener {
  return function safe(this: unknown, ...args: unknown[]) {
    try {
      const outcome = inHandler(name, () => handler.apply(this, args));
      if (!(outcome instanceof Promise)) return outcome;
      return outcome.catch((error) => failed(error, args));
    } catch (error) {
      return failed(error, args);
    }
  };
}
