// The rooms of memberships in memory: who is in each, what they show, and what has changed.
import {
  type Change,
  type Diff,
  diffNamesMax,
  diffsAtOnceMax,
  type MemberPage,
  type PageQuery,
  type Untold,
} from '../memberships.ts';

/** What a session shows of its user in a room. The newest number counts. */
interface Shown {
  number: number;
  presence: string;
}

interface Room {
  /** The users in the byte order of their ids. */
  order: string[];
  /** The sessions of each user. */
  users: Map<string, Map<string, Shown>>;
  /** Users of a large room whose changes are not told. */
  changed: Set<string>;
}

export interface Membership {
  roomId: string;
  userId: string;
  sid: string;
}

export function createRooms(eventsMembersMax: number) {
  const rooms = new Map<string, Room>();
  const withChanges = new Set<string>();
  let changes = 0;

  const note = (room: Room, type: Change['type'], membership: Membership, presence: string) => {
    const { roomId, userId, sid } = membership;
    changes += 1;
    if (room.order.length > eventsMembersMax || room.changed.size > 0) {
      room.changed.add(userId);
      withChanges.add(roomId);
      return [];
    }
    const change = { id: String(changes), type, sid, presence };
    return [{ key: '', roomId, userId, changes: [change] } satisfies Untold];
  };
  /** Changes the sessions of a user in a room, and returns what to tell. */
  const change = (membership: Membership, act: (sessions: Map<string, Shown>) => void) => {
    const { roomId, userId } = membership;
    const room = rooms.get(roomId) ?? { order: [], users: new Map(), changed: new Set() };
    rooms.set(roomId, room);
    const sessions = room.users.get(userId) ?? new Map<string, Shown>();
    const before = newestOf(sessions);
    act(sessions);
    const presence = newestOf(sessions);
    const type = move(room, userId, sessions);
    const isNews = type !== 'updated' || presence !== before;
    const untold = isNews ? note(room, type, membership, presence) : [];
    removeIfEmpty(rooms, roomId);
    return untold;
  };

  return {
    /** Puts a session into a room, or changes what it shows there. Returns what to tell. */
    put: (membership: Membership, presence: string): Untold[] =>
      change(membership, (sessions) => {
        const { sid } = membership;
        if (sessions.get(sid)?.presence === presence) return;
        changes += 1;
        sessions.set(sid, { number: changes, presence });
      }),
    leave: (membership: Membership): Untold[] =>
      change(membership, (sessions) => sessions.delete(membership.sid)),
    page(roomId: string, { after, limit }: PageQuery): MemberPage {
      const room = rooms.get(roomId);
      if (!room) return { count: 0, members: [] };
      const { order } = room;
      const from = after === undefined ? 0 : indexIn(order, after);
      const start = order[from] === after ? from + 1 : from;
      const members = order.slice(start, start + limit).map((userId) => memberOf(room, userId));
      return { count: order.length, members };
    },
    /** The next diffs of rooms with changes. */
    takeDiffs(): Diff[] {
      return [...withChanges].slice(0, diffsAtOnceMax).map((roomId) => {
        const diff = diffOf(roomId, rooms.get(roomId) as Room, String(changes));
        withChanges.delete(roomId);
        removeIfEmpty(rooms, roomId);
        return diff;
      });
    },
    hasChanges: () => withChanges.size > 0,
  };
}

/** Puts a user with sessions into the room, and takes out one without. */
function move(
  { users, order }: Room,
  userId: string,
  sessions: Map<string, Shown>,
): Change['type'] {
  const isIn = sessions.size > 0;
  if (users.has(userId) === isIn) return 'updated';
  const index = indexIn(order, userId);
  if (isIn) order.splice(index, 0, userId);
  else order.splice(index, 1);
  if (isIn) users.set(userId, sessions);
  else users.delete(userId);
  return isIn ? 'joined' : 'left';
}

function removeIfEmpty(rooms: Map<string, Room>, roomId: string): void {
  const room = rooms.get(roomId);
  if (room?.order.length === 0 && room.changed.size === 0) rooms.delete(roomId);
}

/** What has changed in the room, which then counts as told. */
function diffOf(roomId: string, room: Room, id: string): Diff {
  const { users, order, changed } = room;
  const named = [...changed].slice(0, diffNamesMax);
  const isComplete = named.length === changed.size;
  changed.clear();
  return {
    key: '',
    id,
    roomId,
    count: order.length,
    joined: named.flatMap((userId) => (users.has(userId) ? memberOf(room, userId) : [])),
    left: named.filter((userId) => !users.has(userId)),
    isComplete,
  };
}

/** What the room sees of a user with these sessions. */
function newestOf(sessions: Map<string, Shown> | undefined): string {
  let newest: Shown = { number: 0, presence: '' };
  for (const shown of sessions?.values() ?? []) {
    if (shown.presence !== '' && shown.number > newest.number) newest = shown;
  }
  return newest.presence;
}

const memberOf = ({ users }: Room, userId: string) => ({
  userId,
  presence: newestOf(users.get(userId)),
});

/** The index of the user, or where to insert it. Redis compares bytes, too. */
function indexIn(order: string[], userId: string): number {
  const bytes = Buffer.from(userId);
  let [low, high] = [0, order.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (Buffer.compare(Buffer.from(order[middle] as string), bytes) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
