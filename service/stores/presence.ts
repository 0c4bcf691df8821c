// Presence: which users are in a room, over all replicas. It belongs to the session, which keeps
// its socket id when it moves: a user is in a room as long as one of the user's sessions is, and a
// session as long as it is connected or can be recovered.
import type { SessionListener } from '../adapter/index.ts';
import { startBackgroundLoop } from '../lib/background-loop.ts';
import type { Broadcast } from './broadcast.ts';
import {
  type EndedAt,
  type Member,
  type Memberships,
  type PageQuery,
  pageMembersMax,
} from './memberships.ts';
import {
  type ChangeListener,
  createPresenceChanges,
  type DiffListener,
} from './presence-changes.ts';
import { createPresenceRooms, type PresentSocket } from './presence-rooms.ts';
import { createPresenceSessions } from './presence-sessions.ts';
import { type Present, presentOf } from './presence-shown.ts';
import { createSessionWrites, type Entry } from './session-writes.ts';

/**
 * Which users are in a room, over all replicas: of sockets of the namespace `/`, in the rooms that
 * `roomName` names. The methods reject with `Unavailable`, and some as `socket.join()` does.
 */
export interface Presence {
  /** Joins the socket to the room: joined, counted and saved, or none of it. */
  join(socket: PresentSocket, roomId: string): Promise<void>;
  /** Removes the socket from the room. If it rejects, the socket may still be in it: try again. */
  leave(socket: PresentSocket, roomId: string): Promise<void>;
  /**
   * Sets what the room sees of the user, beside the id, until the session leaves. Of several
   * sessions of a user the newest `set` counts. Resolves to false if the socket is not in the room.
   */
  set(
    socket: Pick<PresentSocket, 'id'>,
    roomId: string,
    presence: Record<string, unknown> | undefined,
  ): Promise<boolean>;
  /** User ids, at most 1,000. */
  members(roomId: string): Promise<string[]>;
  /** Members after a user, in the order of their ids, and the number of all. */
  page(roomId: string, query: PageQuery): Promise<PresencePage>;
  /** When the user was last connected in a room, in epoch milliseconds, if that is known. */
  lastSeen(userId: string): Promise<number | undefined>;
  /**
   * Calls `listener` with every change in rooms of at most `PRESENCE_EVENTS_MEMBERS_MAX` members,
   * on one process of the fleet. If its promise rejects, the change is notified again, on any
   * process.
   */
  onChange(listener: ChangeListener): void;
  /** The same with the changes in larger rooms, about once a second. */
  onDiff(listener: DiffListener): void;
}

export interface PresencePage {
  count: number;
  members: Present[];
  /** Whether there are members after these. */
  more: boolean;
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
const pageBytesMax = 262_144; // of what is shown: keeps answers small enough for any client

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
      const { untold, diffs, more, forgotten } = await memberships.sweep(confirmed);
      changes.tell(untold);
      changes.tellDiffs(diffs);
      await writes.retry(forgotten);
      return more || changes.isBehind() ? 0 : sweepMs;
    } catch {
      changes.giveBack(confirmed); // to confirm a change twice does no harm
      return sweepMs;
    }
  };
  const loop = startBackgroundLoop(Promise.resolve(), sweep);

  const { join, leave, show } = createPresenceRooms(entries, writes);
  const page = async (roomId: string, { after, limit }: PageQuery): Promise<PresencePage> => {
    const { count, members } = await memberships.page(roomId, { after, limit: limit + 1 });
    let bytes = 0;
    const isFull = ({ presence }: Member, i: number) => {
      bytes += presence.length;
      return i === limit || (i > 0 && bytes > pageBytesMax);
    };
    const end = members.findIndex(isFull);
    const more = end >= 0;
    return { count, members: members.slice(0, more ? end : limit).map(presentOf), more };
  };

  return {
    join,
    leave,
    set: (socket, roomId, presence) =>
      show(socket, roomId, presence ? JSON.stringify(presence) : ''),
    async members(roomId) {
      const { members } = await memberships.page(roomId, { limit: pageMembersMax });
      return members.map(({ userId }) => userId);
    },
    page,
    lastSeen: async (userId) => (await memberships.lastSeen(userId)) || undefined,
    onChange: changes.listen,
    onDiff: changes.listenToDiffs,
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
