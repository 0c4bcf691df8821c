// Memberships of a single process, in its memory. No reply can be lost, so nothing stays untold.
import { wallClockMs } from '../../lib/wall-clock.ts';
import type {
  EndedAt,
  MembershipLimits,
  Memberships,
  SessionWrite,
  Untold,
  WriteOutcome,
} from '../memberships.ts';
import { createRooms } from './rooms.ts';

interface Session {
  epoch: number;
  userId: string;
  /** What it shows in each room, as JSON. */
  rooms: Map<string, string>;
  /** When it ends unless it is claimed, by `performance.now()`, or `undefined` while connected. */
  endsAt: number | undefined;
}

export interface MemoryMemberships extends Memberships {
  /** When the sessions of a user were last ended, or 0. */
  endedAt(userId: string): number;
}

const endedMax = 100_000; // users and socket ids that are remembered
const seenMax = 100_000; // users

/** @param recoveryMs how long a session can be recovered */
export function createMemoryMemberships(
  recoveryMs: number,
  { eventsMembersMax, lastSeenMs }: MembershipLimits,
): MemoryMemberships {
  const rooms = createRooms(eventsMembersMax);
  const endedUsers = new Map<string, number>();
  const endedSids = new Map<string, number>();
  const seen = new Map<string, number>(); // epoch milliseconds by user
  const isOutdated = ({ sid, userId, owner }: SessionWrite) => {
    const at = endedUsers.get(userId);
    return owner !== (at === undefined ? userId : `${userId}\n${at}`) || endedSids.has(sid);
  };
  const see = (userId: string) => {
    if (lastSeenMs > 0) remember(seen, userId, wallClockMs(), seenMax);
  };
  const { sessions, write, finish } = createSessions({ recoveryMs, rooms, isOutdated, see });

  return {
    async write(writes) {
      const untold: Untold[] = [];
      const outcomes = writes.map((one) => write(one, untold));
      const kept = writes.map(({ sid, keepsPresence }) =>
        keepsPresence ? new Map(sessions.get(sid)?.rooms) : undefined,
      );
      return { outcomes, untold, kept };
    },
    page: async (roomId, query) => rooms.page(roomId, query),
    async lastSeen(userId) {
      const at = seen.get(userId) ?? 0;
      return at > wallClockMs() - lastSeenMs ? at : 0;
    },
    async sweep() {
      const now = performance.now();
      const isDue = (sid: string) => (sessions.get(sid)?.endsAt ?? now) < now;
      const untold = [...sessions.keys()].filter(isDue).flatMap(finish);
      const diffs = rooms.takeDiffs();
      return { untold, diffs, more: rooms.hasChanges(), forgotten: false };
    },
    async end(userIds, sids) {
      const endedAt: EndedAt = {};
      for (const userId of userIds) {
        endedAt[userId] = Math.max(wallClockMs(), (endedUsers.get(userId) ?? 0) + 1);
        remember(endedUsers, userId, endedAt[userId], endedMax);
      }
      for (const sid of sids) remember(endedSids, sid, 1, endedMax);
      const ended = { users: new Set(userIds), sids: new Set(sids) };
      const isAlone = ([sid, { userId, endsAt }]: [string, Session]) =>
        endsAt !== undefined && (ended.users.has(userId) || ended.sids.has(sid));
      const untold = [...sessions].filter(isAlone).flatMap(([sid]) => finish(sid));
      return { untold, endedAt };
    },
    endedAt: (userId) => endedUsers.get(userId) ?? 0,
  };
}

interface SessionParts {
  recoveryMs: number;
  rooms: ReturnType<typeof createRooms>;
  /** Whether the session of the write may not be recovered. */
  isOutdated(write: SessionWrite): boolean;
  /** Notes that a user is connected now, and may not be any longer. */
  see(userId: string): void;
}

function createSessions({ recoveryMs, rooms, isOutdated, see }: SessionParts) {
  const sessions = new Map<string, Session>(); // by socket id
  const finish = (sid: string): Untold[] => {
    const session = sessions.get(sid);
    if (!session) return [];
    const { userId, endsAt } = session;
    if (endsAt === undefined) see(userId);
    sessions.delete(sid);
    return [...session.rooms.keys()].flatMap((roomId) => rooms.leave({ roomId, userId, sid }));
  };
  const writeRooms = (session: Session, write: SessionWrite): Untold[] => {
    const { sid, userId, keepsPresence } = write;
    const before = session.rooms;
    session.rooms = new Map();
    const untold = write.rooms.flatMap(({ roomId, presence }) => {
      const known = before.get(roomId);
      const shown = keepsPresence && known !== undefined ? known : presence;
      before.delete(roomId);
      session.rooms.set(roomId, shown);
      return rooms.put({ roomId, userId, sid }, shown);
    });
    const left = [...before.keys()].flatMap((roomId) => rooms.leave({ roomId, userId, sid }));
    return [...untold, ...left];
  };
  const write = (given: SessionWrite, untold: Untold[]): WriteOutcome => {
    const { sid, epoch, userId, state } = given;
    const known = sessions.get(sid);
    if (known && known.epoch > epoch) return 'taken';
    const refused = (state === 'claimed' || state === 'waiting') && isOutdated(given);
    if (refused || state === 'ended' || given.rooms.length === 0) {
      untold.push(...finish(sid));
      return refused ? 'refused' : 'ok';
    }
    const session = known ?? { epoch, userId, rooms: new Map(), endsAt: undefined };
    session.epoch = epoch;
    session.endsAt = state === 'waiting' ? performance.now() + recoveryMs : undefined;
    if (state === 'waiting') see(userId);
    sessions.set(sid, session);
    untold.push(...writeRooms(session, given));
    return 'ok';
  };
  return { sessions, write, finish };
}

function remember(map: Map<string, number>, name: string, value: number, max: number): void {
  map.delete(name); // keeps the map in write order
  map.set(name, value);
  const [oldest] = map.keys();
  if (map.size > max && oldest !== undefined) map.delete(oldest);
}
