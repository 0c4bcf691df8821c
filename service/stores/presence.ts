// Presence: which users are in a room, over all replicas. It belongs to the session, which keeps
// its socket id when it moves: a user is in a room as long as one of the user's sessions is, and a
// session as long as it is connected or can be recovered.
import type { SessionListener } from '../adapter/index.ts';
import { startBackgroundLoop } from '../lib/background-loop.ts';
import type { Broadcast } from './broadcast.ts';
import type { EndedAt, Memberships } from './memberships.ts';
import { type ChangeListener, createPresenceChanges } from './presence-changes.ts';
import { createPresenceRooms, type Member } from './presence-rooms.ts';
import { createPresenceSessions } from './presence-sessions.ts';
import { createSessionWrites, type Entry } from './session-writes.ts';

/**
 * Which users are in a room, over all replicas: of sockets of the namespace `/`, in the rooms that
 * `roomName` names. The methods reject with `Unavailable`, and some as `socket.join()` does.
 */
export interface Presence {
  /** Joins the socket to the room: joined, counted and saved, or none of it. */
  join(socket: Member, roomId: string): Promise<void>;
  /** Removes the socket from the room. If it rejects, the socket may still be in it: try again. */
  leave(socket: Member, roomId: string): Promise<void>;
  /** User ids, at most 1,000. */
  members(roomId: string): Promise<string[]>;
  /**
   * Calls `listener` with every change, on one process of the fleet. If its promise rejects, the
   * change is notified again, on any process.
   */
  onChange(listener: ChangeListener): void;
}

/** Presence with what the platform needs. */
export interface OpenPresence extends Presence {
  /** For the `sessions` option of the adapter. */
  sessions: SessionListener;
  /** Makes the sessions of users and socket ids unrecoverable. Those without connection end. */
  end(userIds: string[], sids: string[]): Promise<EndedAt>;
  close(): Promise<void>;
}

const sweepMs = 1_000;

/**
 * @param recoveryMs how long a session can be recovered; 0: not at all
 * @param publish the broadcast's, which is created with `sessions`
 */
export function createPresence(
  memberships: Memberships,
  recoveryMs: number,
  publish: Broadcast['publish'],
): OpenPresence {
  const changes = createPresenceChanges(publish);
  const entries = new Map<string, Entry>();
  const writes = createSessionWrites(memberships, entries, changes.tell);
  const sweep = async () => {
    const confirmed = changes.takeConfirmed();
    try {
      const { untold, more, forgotten } = await memberships.sweep(confirmed);
      changes.tell(untold);
      await writes.retry(forgotten);
      return more || changes.isBehind() ? 0 : sweepMs;
    } catch {
      changes.giveBack(confirmed); // to confirm a change twice does no harm
      return sweepMs;
    }
  };
  const loop = startBackgroundLoop(Promise.resolve(), sweep);

  return {
    ...createPresenceRooms(entries, writes),
    members: memberships.members,
    onChange: changes.listen,
    sessions: createPresenceSessions(entries, writes, recoveryMs),
    async end(userIds, sids) {
      const { untold, endedAt } = await memberships.end(userIds, sids);
      changes.tell(untold);
      return endedAt;
    },
    async close() {
      loop.close();
      await writes.close();
    },
  };
}
