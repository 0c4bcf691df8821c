// What connections and rooms there are, counted as they come and go.

import { EventEmitter } from 'node:events';
import type { MooringNamespace, MooringSocket } from '../protocol/identity.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** The returned function counts a socket that has connected, until it disconnects. */
export function createObserver(metrics: Metrics): (socket: MooringSocket) => void {
  function disconnected(this: MooringSocket, reason: string) {
    const who = { socketId: this.id };
    metrics.disconnected(this.nsp.name, this.conn.transport.name, reason, who);
  }
  return (socket) => {
    const { conn, nsp } = socket;
    metrics.connected(nsp.name, conn.transport.name, { socketId: socket.id });
    // Not by its guarded method, which would wrap the one function for each socket.
    EventEmitter.prototype.on.call(socket, 'disconnect', disconnected);
    if (conn.transport.name !== 'polling') return; // only polling is upgraded
    conn.once('upgrade', () => {
      if (socket.connected) metrics.upgraded(nsp.name, 'polling', conn.transport.name);
    });
  };
}

/** Counts rooms, without the room that Socket.IO makes for each socket. */
export function observeRooms({ adapter }: MooringNamespace, metrics: Metrics): void {
  adapter.on('create-room', (room) => {
    if (!adapter.sids.has(room)) metrics.roomCreated();
  });
  adapter.on('delete-room', (room) => {
    if (!adapter.sids.has(room)) metrics.roomDeleted();
  });
}
