// Serializes the joins and leaves of one socket in one room. A join waits for the access check and
// for Redis; whatever follows must see its result.

export function createRoomMutex() {
  const owners = new WeakMap<object, Map<string, Promise<unknown>>>();
  return {
    /**
     * Runs `work` after all earlier work on this room has ended, whether it succeeded or failed.
     * @param owner the socket, or what stands for it
     */
    run<T>(owner: object, roomId: string, work: () => Promise<T>): Promise<T> {
      const rooms = owners.get(owner) ?? new Map<string, Promise<unknown>>();
      owners.set(owner, rooms);
      const result = rooms.get(roomId)?.then(work, work) ?? work();
      rooms.set(roomId, result);
      const end = () => {
        if (rooms.get(roomId) === result) rooms.delete(roomId);
      };
      result.then(end, end);
      return result;
    },
    /** The most recent work on this room, if it is still running. */
    running: (owner: object, roomId: string) => owners.get(owner)?.get(roomId),
  };
}
