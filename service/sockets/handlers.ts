// No handler, the platform's or a user's, can end the process: what it throws is answered.
import type { Metrics } from '../metrics.ts';
import { type MooringSocket, refusal, Unavailable } from '../protocol.ts';
import { replyTo } from '../request.ts';

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
      const safe = (...args: unknown[]) => {
        try {
          const outcome = handler.apply(socket, args);
          if (outcome instanceof Promise) outcome.catch((error) => failed(args, error));
        } catch (error) {
          failed(args, error);
        }
      };
      // EventEmitter finds a wrapped listener by this property when it is to be removed.
      return register.call(socket, event, Object.assign(safe, { listener: handler }));
    };
  for (const method of ['on', 'addListener', 'prependListener'] as const) {
    Reflect.set(socket, method, guard(socket[method] as Listener));
  }
}
