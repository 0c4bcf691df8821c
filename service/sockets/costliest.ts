// Finds the connections that cost this process most: by the bytes that they sent since the last
// look, and those that wait for them.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import { type Connection, discard } from './unauthenticated.ts';

interface Counted {
  unreadBytes?: number;
}

/**
 * Returns a function that closes so many connections, the costliest first. None that costs nothing
 * is closed: it would not help.
 */
export function createShedding(connections: () => Connection[], closed: () => void) {
  let before = new WeakMap<Connection, number>();
  return (count: number): void => {
    const seen = new WeakMap<Connection, number>();
    const costs = connections().map((connection) => {
      const socket = tcpSocketOf(connection);
      const received = socket?.bytesRead ?? 0;
      seen.set(connection, received);
      const waiting = (socket?.writableLength ?? 0) + ((connection as Counted).unreadBytes ?? 0);
      return { connection, cost: received - (before.get(connection) ?? received) + waiting };
    });
    before = seen;
    const costly = costs.filter(({ cost }) => cost > 0).sort((a, b) => b.cost - a.cost);
    for (const { connection } of costly.slice(0, count)) {
      closed();
      discard(connection);
    }
  };
}

/** Only a WebSocket keeps its TCP connection to itself. */
function tcpSocketOf({ transport }: Connection): Socket | undefined {
  const webSocket: WebSocket | undefined = Reflect.get(transport, 'socket');
  return webSocket && Reflect.get(webSocket, '_socket');
}
