// Memberships of a single process, in its memory. No reply can be lost, so nothing stays untold.
import { wallClockMs } from '../../lib/wall-clock.ts';
import {
  type Change,
  type EndedAt,
  type Memberships,
  membersMax,
  type SessionWrite,
  type Untold,
  type WriteOutcome,
} from '../memberships.ts';

interface Session {
  epoch: number;
  userId: string;
  rooms: Set<string>;
  /** When it ends unless it is claimed, by `performance.now()`, or `undefined` while connected. */
  endsAt: number | undefined;
}

export interface MemoryMemberships extends Memberships {
  /** When the sessions of a user were last ended, or 0. */
  endedAt(userId: string): number;
}

const endedMax = 100_000; // users and socket ids that are remembered

/** @param recoveryMs how long a session can be recovered */
export function createMemoryMemberships(recoveryMs: number): MemoryMemberships {
  const sessions = new Map<string, Session>(); // by socket id
  const rooms = createRooms();
  const endedUsers = new Map<string, number>();
  const endedSids = new Map<string, number>();

  const finish = (sid: string): Untold[] => {
    const session = sessions.get(sid);
    if (!session) return [];
    sessions.delete(sid);
    return [...session.rooms].flatMap((roomId) => rooms.leave(sid, session, roomId));
  };
  const isOutdated = ({ sid, userId, owner }: SessionWrite) => {
    const at = endedUsers.get(userId);
    return owner !== (at === undefined ? userId : `${userId}\n${at}`) || endedSids.has(sid);
  };
  const writeOne = (write: SessionWrite, untold: Untold[]): WriteOutcome => {
    const { sid, epoch, userId, state } = write;
    const known = sessions.get(sid);
    if (known && known.epoch > epoch) return 'taken';
    const refused = (state === 'claimed' || state === 'waiting') && isOutdated(write);
    if (refused || state === 'ended' || write.rooms.length === 0) {
      untold.push(...finish(sid));
      return refused ? 'refused' : 'ok';
    }
    const session = known ?? { epoch, userId, rooms: new Set<string>(), endsAt: undefined };
    session.epoch = epoch;
    session.endsAt = state === 'waiting' ? performance.now() + recoveryMs : undefined;
    sessions.set(sid, session);
    const now = new Set(write.rooms.map(({ roomId }) => roomId));
    for (const roomId of now) {
      if (!session.rooms.has(roomId)) untold.push(...rooms.enter(sid, session, roomId));
    }
    for (const roomId of session.rooms) {
      if (!now.has(roomId)) untold.push(...rooms.leave(sid, session, roomId));
    }
    return 'ok';
  };

  return {
    async write(writes) {
      const untold: Untold[] = [];
      return { outcomes: writes.map((write) => writeOne(write, untold)), untold };
    },
    members: async (roomId) => rooms.members(roomId).slice(0, membersMax),
    async sweep() {
      const now = performance.now();
      const isDue = (sid: string) => (sessions.get(sid)?.endsAt ?? now) < now;
      const untold = [...sessions.keys()].filter(isDue).flatMap(finish);
      return { untold, more: false, forgotten: false };
    },
    async end(userIds, sids) {
      const endedAt: EndedAt = {};
      for (const userId of userIds) {
        endedAt[userId] = Math.max(wallClockMs(), (endedUsers.get(userId) ?? 0) + 1);
        remember(endedUsers, userId, endedAt[userId]);
      }
      for (const sid of sids) remember(endedSids, sid, 1);
      const ended = { users: new Set(userIds), sids: new Set(sids) };
      const isAlone = ([sid, { userId, endsAt }]: [string, Session]) =>
        endsAt !== undefined && (ended.users.has(userId) || ended.sids.has(sid));
      const untold = [...sessions].filter(isAlone).flatMap(([sid]) => finish(sid));
      return { untold, endedAt };
    },
    endedAt: (userId) => endedUsers.get(userId) ?? 0,
  };
}

/** Counts the sessions of each user in each room. The methods return the changes. */
function createRooms() {
  const rooms = new Map<string, Map<string, number>>();
  let changes = 0;
  const change = (type: Change['type'], roomId: string, userId: string, sid: string): Untold => {
    changes += 1;
    return { key: '', roomId, userId, changes: [{ id: String(changes), type, sid }] };
  };
  return {
    members: (roomId: string) => [...(rooms.get(roomId)?.keys() ?? [])],
    enter(sid: string, { userId, rooms: own }: Session, roomId: string): Untold[] {
      own.add(roomId);
      const users = rooms.get(roomId) ?? new Map<string, number>();
      const count = (users.get(userId) ?? 0) + 1;
      rooms.set(roomId, users.set(userId, count));
      return count === 1 ? [change('joined', roomId, userId, sid)] : [];
    },
    leave(sid: string, { userId, rooms: own }: Session, roomId: string): Untold[] {
      own.delete(roomId);
      const users = rooms.get(roomId);
      const count = (users?.get(userId) ?? 0) - 1;
      users?.set(userId, count);
      if (count > 0) return [];
      users?.delete(userId);
      if (users?.size === 0) rooms.delete(roomId);
      return [change('left', roomId, userId, sid)];
    },
  };
}

function remember(map: Map<string, number>, name: string, value: number): void {
  map.delete(name); // keeps the map in write order
  map.set(name, value);
  const [oldest] = map.keys();
  if (map.size > endedMax && oldest !== undefined) map.delete(oldest);
}
