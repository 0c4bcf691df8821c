// One sweep for all tokens: a timer per socket would overflow after 25 days and cost memory.
import type { MooringServer, MooringSocket } from '../protocol/identity.ts';

const sweepMs = 1_000;

/**
 * Closes the transport of sockets whose token has expired. The client reconnects by itself: with a
 * fresh token if its `auth` is a function, otherwise it is refused with `token_expired`.
 * @param clock epoch milliseconds by a clock that does not step
 */
export function closeExpired(io: MooringServer, clock: () => number): { close(): void } {
  const timer = setInterval(() => {
    const now = clock();
    const isExpired = (socket: MooringSocket) => socket.data.expiresAt <= now;
    const sockets = () => io._nsps.values().flatMap(({ sockets }) => sockets.values());
    const expired = [...sockets().filter(isExpired)];
    if (expired.length === 0) return;
    const valid = sockets().filter((socket) => !isExpired(socket));
    const inUse = new Set(valid.map(({ conn }) => conn));
    for (const socket of expired) {
      if (inUse.has(socket.conn))
        socket.disconnect(); // another namespace on this connection has a newer token
      else socket.conn.close();
    }
  }, sweepMs);
  return { close: () => clearInterval(timer) };
}
