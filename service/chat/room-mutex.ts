// Serializes the joins and leaves of one socket in one room. A join waits for the access check and
// for Redis; whatever follows must see its result.
import type { MooringSocket } from '../protocol/identity.ts';

export function createRoomMutex() {
  const sockets = new WeakMap<MooringSocket, Map<string, Promise<unknown>>>();
  return {
    /**
     * Runs `work` after all earlier work on this room has ended, whether it succeeded or failed.
     */
    run<T>(socket: MooringSocket, roomId: string, work: () => Promise<T>): Promise<T> {
      const rooms = sockets.get(socket) ?? new Map<string, Promise<unknown>>();
      sockets.set(socket, rooms);
      const result = rooms.get(roomId)?.then(work, work) ?? work();
      rooms.set(roomId, result);
      const end = () => {
        if (rooms.get(roomId) === result) rooms.delete(roomId);
      };
      result.then(end, end);
      return result;
    },
    /** The most recent work on this room, if it is still running. */
    running: (socket: MooringSocket, roomId: string) => sockets.get(socket)?.get(roomId),
  };
}
