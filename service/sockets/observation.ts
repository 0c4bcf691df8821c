// Counts connections, refused requests and rooms.

import { EventEmitter } from 'node:events';
import type { MooringNamespace, MooringSocket } from '../protocol/identity.ts';
import { engineRefusalCodes } from '../protocol/refusals.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Returns a function that counts a connected socket until it disconnects. */
export function createObserver(metrics: Metrics): (socket: MooringSocket) => void {
  function disconnected(this: MooringSocket, reason: string) {
    const who = { socketId: this.id };
    metrics.disconnected(this.nsp.name, this.conn.transport.name, reason, who);
  }
  return (socket) => {
    const { conn, nsp } = socket;
    metrics.connected(nsp.name, conn.transport.name, { socketId: socket.id });
    // Bypasses the guarded `on`, which would allocate a wrapper for each socket.
    EventEmitter.prototype.on.call(socket, 'disconnect', disconnected);
    if (conn.transport.name !== 'polling') return; // only polling is upgraded
    conn.once('upgrade', () => {
      if (socket.connected) metrics.upgraded(nsp.name, 'polling', conn.transport.name);
    });
  };
}

/** Counts the requests that Engine.IO refuses. It emits an event for each, and logs nothing. */
export function observeEngine(engine: NodeJS.EventEmitter, metrics: Metrics): void {
  engine.on('connection_error', ({ code }: { code: number }) => {
    metrics.engineRefused(engineRefusalCodes[code] ?? 'bad_request');
  });
}

/** Counts rooms, except the room that Socket.IO creates for each socket. */
export function observeRooms({ adapter }: MooringNamespace, metrics: Metrics): void {
  adapter.on('create-room', (room) => {
    if (!adapter.sids.has(room)) metrics.roomCreated();
  });
  adapter.on('delete-room', (room) => {
    if (!adapter.sids.has(room)) metrics.roomDeleted();
  });
}
