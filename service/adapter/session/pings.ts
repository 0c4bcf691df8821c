// What the pings of Engine.IO prove: a client that answers has read everything that was written
// before. Its timers are private.
import type { Server, Socket } from 'socket.io';
import type { Id } from '../delivery/envelope.ts';
import { method, optionsOf } from '../socketio-internals.ts';
import { confirm, type Session } from './session.ts';

const pingDelayMs = 1_000; // not in the same poll as the replay
const noticeMarginMs = 10_000;

/**
 * How long ago a server must have written something to know that every client of an open connection
 * has received it. Engine.IO waits for the answer to a ping for up to twice `pingTimeout`: the last
 * ping that was answered may be that late, and the next one may be as late already.
 */
export function noticeMsOf(server: Server): number {
  const { pingInterval = 25_000, pingTimeout = 20_000 } = optionsOf(server) as EnginePings;
  return pingInterval + 4 * pingTimeout + noticeMarginMs;
}

interface EnginePings {
  pingInterval?: number;
  pingTimeout?: number;
}

/**
 * Ends the loss of a claimed session when its client has answered a ping.
 * @param written the newest id that was written to it
 */
export function confirmOnceAnswered(
  session: Session,
  socket: Socket,
  written: Id,
  save: (session: Session) => Promise<void>,
): void {
  if (session.confirmed !== undefined) return;
  onceAnswered(socket, () => {
    confirm(session, written);
    void save(session);
  });
}

/** Calls `act` when the client has answered a ping that is sent soon. */
function onceAnswered({ conn }: Socket, act: () => void): void {
  // Sends the next regular ping early, unless one is under way: there is never more than one.
  const ping = () => {
    if (Reflect.get(conn, 'pingTimeoutTimer') !== null) {
      conn.once('heartbeat', ping);
      return;
    }
    conn.once('heartbeat', act);
    method(conn, 'sendPacket').call(conn, 'ping');
    method(conn, 'resetPingTimeout').call(conn);
    (Reflect.get(conn, 'pingIntervalTimer') as NodeJS.Timeout).refresh();
  };
  const timer = setTimeout(ping, pingDelayMs).unref();
  conn.once('close', () => clearTimeout(timer));
}
