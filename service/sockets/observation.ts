// What connections and rooms there are, counted as they come and go.

import type { MooringNamespace, MooringSocket } from '../protocol/identity.ts';
import type { Metrics } from '../telemetry/metrics.ts';

export function observeSocket(socket: MooringSocket, metrics: Metrics): void {
  const namespace = socket.nsp.name;
  const { conn } = socket;
  let transport = conn.transport.name;
  const who = { socketId: socket.id };
  metrics.connected(namespace, transport, who);
  const upgraded = () => {
    metrics.upgraded(namespace, transport, conn.transport.name);
    transport = conn.transport.name;
  };
  conn.on('upgrade', upgraded);
  socket.on('disconnect', (reason) => {
    conn.off('upgrade', upgraded);
    metrics.disconnected(namespace, transport, reason, who);
  });
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
