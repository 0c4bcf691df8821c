// Joins sockets to rooms, sets what they show there, and removes them: all of it happens, or none.
import { createRoomMutex } from '../lib/room-mutex.ts';
import type { MooringSocket } from '../protocol/identity.ts';
import { Unavailable } from '../protocol/refusals.ts';
import { roomName } from '../protocol/rooms.ts';
import type { Entry, SessionWrites } from './session-writes.ts';

export type PresentSocket = Pick<MooringSocket, 'id' | 'join' | 'leave'>;

/** @param entries the sessions of this process, by socket id */
export function createPresenceRooms(entries: Map<string, Entry>, writes: SessionWrites) {
  const entryOf = (sid: string): Entry => {
    const entry = entries.get(sid);
    if (!entry) throw new Unavailable('The connection is closed');
    return entry;
  };
  const mutex = createRoomMutex(); // a leave must not end the join that follows it
  const { store, enter, exit } = createChanges(writes);
  return {
    /**
     * Joins, then stores it: nobody is notified of a join that is refused because the adapter could
     * not save it.
     */
    async join(socket: PresentSocket, roomId: string): Promise<void> {
      const entry = entryOf(socket.id);
      await mutex.run(entry, roomId, () => enter(entry, socket, roomId));
    },
    /** Stores it, then leaves: until then the socket receives the messages of the room. */
    async leave(socket: PresentSocket, roomId: string): Promise<void> {
      const entry = entryOf(socket.id);
      await mutex.run(entry, roomId, () => exit(entry, socket, roomId));
    },
    /** Resolves to false if the socket is not in the room. @param presence as JSON, or empty */
    async show(
      { id }: Pick<PresentSocket, 'id'>,
      roomId: string,
      presence: string,
    ): Promise<boolean> {
      const entry = entryOf(id);
      if (!entry.rooms().includes(roomId)) return false;
      const before = entry.presences;
      const after = withPresence(entry, roomId, presence);
      entry.presences = after;
      try {
        await store(entry);
      } catch (error) {
        if (entry.presences === after) entry.presences = before; // a retry writes that again
        throw error;
      }
      return true;
    },
  };
}

/** Writes changes of memberships. A room that is changing does not count. */
function createChanges(writes: SessionWrites) {
  const store = async (entry: Entry) => {
    const outcome = await writes.mark(entry);
    if (outcome !== 'ok') throw new Unavailable('The connection is closed');
  };
  const enter = async (entry: Entry, socket: PresentSocket, roomId: string) => {
    if (entry.rooms().includes(roomId)) return store(entry); // it joins again
    const room = roomName(roomId);
    entry.changing.add(roomId);
    try {
      await socket.join(room);
      entry.changing.delete(roomId);
      await store(entry);
    } catch (error) {
      Promise.resolve(socket.leave(room)).catch(() => {}); // saved after the outage
      entry.changing.delete(roomId);
      throw error;
    }
  };
  const exit = async (entry: Entry, socket: PresentSocket, roomId: string) => {
    entry.changing.add(roomId);
    try {
      await writes.mark(entry);
      await socket.leave(roomName(roomId));
      entry.presences = withPresence(entry, roomId, '');
    } finally {
      entry.changing.delete(roomId);
      writes.mark(entry).catch(() => {}); // it is retried
    }
  };
  return { store, enter, exit };
}

function withPresence({ presences }: Entry, roomId: string, presence: string) {
  const changed = new Map(presences);
  if (presence === '') changed.delete(roomId);
  else changed.set(roomId, presence);
  return changed;
}
