// Tells when handlers have ended or acknowledge an event: they may have changed `socket.data`.
import { EventEmitter } from 'node:events';
import type { Namespace, Socket } from 'socket.io';
import { extendSocket, wrapConnectEvents } from '../socketio-internals.ts';

/** What the adapter of a socket is told. */
export interface HandlerHost {
  /** Handlers of the socket have ended. */
  handled(socket: Socket): void;
  /** Returns a promise if something must be written before the socket acknowledges an event. */
  beforeAck(socket: Socket): Promise<void> | undefined;
}

const hostOf = ({ nsp }: Socket) =>
  (nsp.adapter as unknown as { handlerHost: HandlerHost }).handlerHost;

/** Makes a socket tell its adapter. */
export function watchHandlers(socket: Socket): void {
  extendSocket(socket, { handle: runHandlers, acknowledge });
}

function acknowledge(socket: Socket, send: () => void): void {
  const written = hostOf(socket).beforeAck(socket);
  if (written)
    written.then(send, send); // a failure is reported where it happens
  else send();
}

/** The same for handlers of `connection`. */
export function watchConnectHandlers(namespace: Namespace): void {
  wrapConnectEvents(namespace, (event, socket) => {
    const outcomes = callListeners(namespace, event, [socket]);
    whenSettled(outcomes, () => hostOf(socket).handled(socket));
  });
}

/**
 * Runs the handlers of an event.
 * @param first runs before the listeners of `socket.on()`, and does not throw
 */
export function runHandlers(
  socket: Socket,
  [event, ...args]: [string, ...unknown[]],
  first?: () => unknown,
): void {
  const outcomes = [first?.()];
  const ended = () => hostOf(socket).handled(socket);
  try {
    outcomes.push(...callListeners(socket, event, args));
  } finally {
    whenSettled(outcomes, ended);
  }
}

/** Like `emit`, but returns what the listeners return. */
function callListeners(emitter: EventEmitter, event: string, args: unknown[]): unknown[] {
  if (!EventEmitter.captureRejections) {
    return emitter.rawListeners(event).map((listener) => Reflect.apply(listener, emitter, args));
  }
  EventEmitter.prototype.emit.call(emitter, event, ...args); // handles their rejections
  return [];
}

/** A rejection stays as unhandled as it is without the adapter. */
function whenSettled(outcomes: unknown[], ended: () => void): void {
  ended();
  for (const outcome of outcomes) if (outcome instanceof Promise) void outcome.finally(ended);
}
