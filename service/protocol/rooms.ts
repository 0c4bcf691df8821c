// Names of Socket.IO rooms. Prefixes separate the application's rooms, users' rooms and socket ids,
// which contain no colon.

export const roomName = (roomId: string) => `room:${roomId}`;
/** The ids of the application's rooms among Socket.IO's. */
export function roomIdsOf(rooms: Iterable<string>): string[] {
  const prefix = roomName('');
  return [...rooms].flatMap((room) => (room.startsWith(prefix) ? room.slice(prefix.length) : []));
}

export const userRoom = (userId: string) => `user:${userId}`;
