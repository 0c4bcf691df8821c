// Trail events of sockets: connects, disconnects, joins and leaves.
import { EventEmitter } from 'node:events';
import type { MooringNamespace, MooringSocket } from '../protocol/identity.ts';
import { placeOf } from '../telemetry/trail/followed.ts';
import { subjectOf } from '../telemetry/trail/subject.ts';
import type { Trail } from '../telemetry/trail/trail.ts';

/** The rooms of a socket, including its own and the namespace's. */
export function placesOf({ nsp: { name }, rooms }: MooringSocket): string[] {
  return [placeOf(name), ...[...rooms].map((room) => placeOf(name, room))];
}

/** Returns a function to call with each connected socket. */
export function createSocketTrail(trail: Trail): (socket: MooringSocket) => void {
  function disconnected(this: MooringSocket, reason: string) {
    if (!trail.active) return;
    const transport = this.conn.transport.name;
    trail.tell({ type: 'disconnected', ...subjectOf(this), transport, reason });
  }
  return (socket) => {
    // Bypasses the guarded `on`, which would allocate a wrapper for each socket.
    EventEmitter.prototype.on.call(socket, 'disconnect', disconnected);
    if (!trail.active) return;
    const { recovered, conn } = socket;
    const connect = { type: 'connected', transport: conn.transport.name, recovered } as const;
    trail.tell({ ...connect, ...subjectOf(socket) }, placesOf(socket));
  };
}

export function trailRooms({ name, adapter, sockets }: MooringNamespace, trail: Trail): void {
  const tell = (type: 'joined' | 'left', room: string, socketId: string) => {
    const socket = sockets.get(socketId); // undefined while the socket connects
    if (!socket?.connected || room === socketId || !trail.wants(socket.data.user.id)) return;
    const places = type === 'joined' ? [placeOf(name, room)] : [];
    trail.tell({ type, ...subjectOf(socket), room }, places);
  };
  adapter.on('join-room', (room, id) => {
    if (trail.active) tell('joined', room, id);
  });
  adapter.on('leave-room', (room, id) => {
    const isLeavingAll = adapter.sids.get(id)?.has(room); // the socket disconnects
    if (trail.active && !isLeavingAll) tell('left', room, id);
  });
}
