// Presence in one process.
import { membersMax, type Presence } from '../presence.ts';

export function createMemoryPresence(): Presence {
  const rooms = new Map<string, Map<string, number>>();
  return {
    async enter(roomId, userId) {
      const users = rooms.get(roomId) ?? new Map<string, number>();
      rooms.set(roomId, users.set(userId, (users.get(userId) ?? 0) + 1));
    },
    async leave(roomId, userId) {
      const users = rooms.get(roomId);
      const sockets = users?.get(userId);
      if (!users || !sockets) return false;
      if (sockets > 1) users.set(userId, sockets - 1);
      else users.delete(userId);
      if (users.size === 0) rooms.delete(roomId);
      return sockets === 1;
    },
    members: async (roomId) => [...(rooms.get(roomId)?.keys() ?? [])].slice(0, membersMax),
    sweep: async () => [], // no other process can leave members behind
  };
}
