// Dispatches every event of every socket: limits first, then the handler of its namespace. All
// sockets of a server share the methods, so that a connection allocates no closures.
import { Socket } from 'socket.io';
import { runHandlers } from '../adapter/index.ts';
import { parsePayload, replyTo } from '../application/handle.ts';
import type { Events, Registered } from '../application/register.ts';
import { inHandler } from '../lib/current-handler.ts';
import { refusedOf } from '../protocol/bounds.ts';
import type { MooringSocket } from '../protocol/identity.ts';
import { type RefusalCode, refusal } from '../protocol/refusals.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { guardedMethods, handlerFailed } from './handlers.ts';
import { createRateLimit } from './limits.ts';

type Report = (stage: string, error: unknown, details?: object) => void;
type EventArgs = [event: string, ...args: unknown[]];

/** Private members of a Socket.IO 4.8 socket. */
interface Internals {
  /** Runs the middlewares of `socket.use()`. */
  run(packet: EventArgs, done: (error?: Error) => void): void;
  _onerror(error: Error): void;
}

interface Parts {
  events: Pick<Events, 'find'>;
  eventsPerSecondMax: number;
  metrics: Metrics;
  report: Report;
}

/** Returns a function that makes a socket limit and guard its events from then on. */
export function createDispatch(parts: Parts): (socket: MooringSocket) => void {
  const { events, metrics, report } = parts;
  const rate = createRateLimit(parts.eventsPerSecondMax);

  /** Returns the handler if the event may be handled. Otherwise it answers with a refusal. */
  function admit(socket: MooringSocket, [event, ...args]: EventArgs) {
    const registered = events.find(socket.nsp, event);
    const own = event === 'error' ? 1 : 0; // Socket.IO registers a no-op listener
    const handled = registered !== undefined || socket.listenerCount(event) > own;
    metrics.messageReceived(handled ? event : 'unknown'); // clients must not choose label values
    const refuse = (code: RefusalCode, detail?: string) => {
      const acknowledged = typeof args.at(-1) === 'function';
      if (code === 'rate_limited' && !acknowledged && !rate.notifies(socket)) return;
      replyTo(socket, event, args, metrics, handled)(refusal(code, detail));
    };
    if (!rate.allows(socket)) return refuse('rate_limited');
    if (!handled && socket.listenersAny().length === 0) return refuse('unknown_event');
    if (registered && !rate.allowsEvent(socket, registered.event)) return refuse('rate_limited');
    const bounded = refusedOf(args[0]);
    if (bounded) return refuse(bounded.code, bounded.detail);
    return { registered };
  }

  /** Returns the promise of the handler, which does not reject. */
  function handle({ event, app }: Registered, socket: MooringSocket, args: unknown[]): unknown {
    const reply = replyTo(socket, event.name, args, metrics);
    const failed = (error: unknown) => reply(handlerFailed(error, event.name, socket, report));
    try {
      const payload = parsePayload(event.schema, args);
      if (!payload.ok) return reply(payload);
      const outcome = inHandler(event.name, () => event.handler(payload.data, reply, socket, app));
      return outcome instanceof Promise ? outcome.catch(failed) : undefined;
    } catch (error) {
      return failed(error);
    }
  }

  function dispatch(this: MooringSocket, packet: EventArgs) {
    const admitted = admit(this, packet);
    if (!admitted) return;
    const internals = this as unknown as Internals;
    internals.run(packet, (error) => {
      process.nextTick(() => {
        if (error) return internals._onerror(error);
        if (!this.connected) return; // it disconnected while a middleware ran
        const { registered } = admitted;
        runHandlers(this, packet, () => registered && handle(registered, this, packet.slice(1)));
      });
    });
  }

  checkInternals();
  const methods = { ...guardedMethods(metrics, report), dispatch };
  const prototypes = new WeakMap<object, object>(); // by that of the adapter
  return (socket) => {
    const original = Object.getPrototypeOf(socket);
    const prototype = prototypes.get(original) ?? Object.assign(Object.create(original), methods);
    prototypes.set(original, prototype);
    Object.setPrototypeOf(socket, prototype);
  };
}

function checkInternals(): void {
  for (const method of ['dispatch', 'run', '_onerror']) {
    if (typeof Reflect.get(Socket.prototype, method) === 'function') continue;
    throw new Error('this version of socket.io dispatches events elsewhere; use 4.8');
  }
}
