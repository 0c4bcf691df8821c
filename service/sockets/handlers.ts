// No handler, the platform's or a user's, can end the process: what it throws is answered.

import { replyTo } from '../application/handle.ts';
import type { MooringNamespace, MooringSocket } from '../protocol/identity.ts';
import { refusal, Unavailable } from '../protocol/refusals.ts';
import type { Metrics } from '../telemetry/metrics.ts';

type Report = (stage: string, error: unknown, details?: object) => void;
type Listener = (...args: unknown[]) => unknown;

const lifecycleEvents = new Set(['disconnect', 'disconnecting', 'error']);

/** Wraps every handler that is registered on the socket from now on. */
export function guardHandlers(socket: MooringSocket, metrics: Metrics, report: Report): void {
  const guard = (register: Listener) =>
    function guarded(event: string, handler: Listener & { listener?: Listener }) {
      const failed = (args: unknown[], error: unknown) => {
        const unavailable = error instanceof Unavailable;
        if (!unavailable) report('handler', error, { event, socketId: socket.id });
        if (lifecycleEvents.has(event)) return;
        const reply = replyTo(socket, event, args, metrics);
        reply(refusal(unavailable ? 'unavailable' : 'internal'));
      };
      const safe = (...args: unknown[]) =>
        safely(handler, (error) => failed(args, error)).apply(socket, args);
      // EventEmitter finds a wrapped listener by this property when it is to be removed.
      return register.call(socket, event, Object.assign(safe, { listener: handler }));
    };
  for (const method of ['onAny', 'prependAny', 'onAnyOutgoing', 'use'] as const) {
    const register = socket[method] as Listener;
    Reflect.set(socket, method, (handler: Listener) =>
      register.call(
        socket,
        safely(handler, (error) => report('handler', error, { method })),
      ),
    );
  }
  for (const method of ['on', 'addListener', 'prependListener'] as const) {
    Reflect.set(socket, method, guard(socket[method] as Listener));
  }
}

/** The same for what an application registers on a namespace. */
export function guardNamespace(namespace: MooringNamespace, report: Report): void {
  const on = namespace.on as Listener;
  Reflect.set(namespace, 'on', (event: string, handler: Listener) => {
    const failed = (error: unknown) => report('handler', error, { event });
    const connects = event === 'connect' || event === 'connection';
    return on.call(namespace, event, connects ? safely(handler, failed) : handler);
  });
  const use = namespace.use as Listener;
  Reflect.set(namespace, 'use', (middleware: Listener) =>
    use.call(namespace, (socket: unknown, next: (error: Error) => void) => {
      const failed = (error: unknown) => {
        report('handler', error, { middleware: namespace.name });
        next(new Error('Internal error'));
      };
      safely(middleware, failed)(socket, next);
    }),
  );
}

/** Calls `failed` with what the handler throws, or what it returns rejects with. */
function safely(handler: Listener, failed: (error: unknown) => void): Listener {
  return function safe(this: unknown, ...args: unknown[]) {
    try {
      const outcome = handler.apply(this, args);
      if (outcome instanceof Promise) outcome.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
}
