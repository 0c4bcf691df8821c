// Joins and leaves of one socket for one room, one after the other: a join asks others and takes
// its time, and what comes after it must see how it ended.
import type { MooringSocket } from '../protocol/identity.ts';

export function createTurns() {
  const sockets = new WeakMap<MooringSocket, Map<string, Promise<unknown>>>();
  return {
    /** Runs `work` once what was begun before for this room has ended, however it did. */
    take<T>(socket: MooringSocket, roomId: string, work: () => Promise<T>): Promise<T> {
      const rooms = sockets.get(socket) ?? new Map<string, Promise<unknown>>();
      sockets.set(socket, rooms);
      const turn = rooms.get(roomId)?.then(work, work) ?? work();
      rooms.set(roomId, turn);
      const end = () => {
        if (rooms.get(roomId) === turn) rooms.delete(roomId);
      };
      turn.then(end, end);
      return turn;
    },
    /** The last that was begun for this room, while it has not ended. */
    running: (socket: MooringSocket, roomId: string) => sockets.get(socket)?.get(roomId),
  };
}
