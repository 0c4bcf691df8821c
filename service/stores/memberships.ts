// Which session is in which room, as stored. There are two implementations, in Redis and in the
// memory of one process; both pass test/chat/memberships.test.ts.
//
// A user can have several sessions in a room. Of what they show of the user, the newest counts.

/** Members of one room that a page can hold. */
export const pageMembersMax = 1_000;

/** How long a change waits for its process to notify the room, before another process does it. */
export const untoldMs = 3_000;

/**
 * `claimed`: as `live`, but refused if the session may not be recovered. `waiting`: its connection
 * is gone, and it counts until the recovery window is over. `ended`: it is gone for good.
 */
export type SessionState = 'live' | 'claimed' | 'waiting' | 'ended';

/** The whole state of one session, so that a write may be repeated or delayed. */
export interface SessionWrite {
  sid: string;
  /** The fencing token: a write with a smaller one is refused as `taken`. */
  epoch: number;
  userId: string;
  /** The user, and up to which command: see `ownerOf`. An outdated owner cannot recover. */
  owner: string;
  state: SessionState;
  rooms: RoomWrite[];
  /** Whether the stored presence stays, because this process does not know it yet. */
  keepsPresence: boolean;
}

export interface RoomWrite {
  roomId: string;
  /** False for rooms that Redis had: if it lost them, nobody is notified. */
  isNew: boolean;
  /** What the session shows of its user in the room, as JSON. Empty: nothing. */
  presence: string;
}

/** `refused`: the session may not be recovered, and has ended. */
export type WriteOutcome = 'ok' | 'taken' | 'refused';

/**
 * The first session of a user is in a room, the last one no longer is, or what they show of the
 * user is another.
 */
export interface Change {
  id: string;
  type: 'joined' | 'left' | 'updated';
  sid: string;
  /** What the room sees of the user now, as JSON. Empty: nothing. */
  presence: string;
}

/** The changes of one user in one room that are not confirmed, oldest first. */
export interface Untold {
  /** Identifies the user and the room when the changes are confirmed. */
  key: string;
  roomId: string;
  userId: string;
  changes: Change[];
}

/** A user who is in a room. */
export interface Member {
  userId: string;
  /** As JSON. Empty: nothing. */
  presence: string;
}

/** What has changed in a large room, as of now: each user once, however often it changed. */
export interface Diff {
  /** Identifies the room when the diff is confirmed. */
  key: string;
  id: string;
  roomId: string;
  /** The number of users in the room. */
  count: number;
  /** Who has joined or shows something else. */
  joined: Member[];
  left: string[];
  /** Whether these are all. */
  isComplete: boolean;
}

/** Everything up to this change has been told. */
export interface Confirmation {
  key: string;
  id: string;
}

/** When the sessions of each user ended, in epoch milliseconds. It rises each time. */
export type EndedAt = Record<string, number>;

export interface Written {
  outcomes: WriteOutcome[];
  untold: Untold[];
  /** For each write that keeps the presence, what is stored of it by room. */
  kept: (ReadonlyMap<string, string> | undefined)[];
}

export interface Swept {
  untold: Untold[];
  diffs: Diff[];
  /** Whether there is more to do at once. */
  more: boolean;
  /** Whether the sessions of this process may be missing and have to be written again. */
  forgotten: boolean;
}

export interface PageQuery {
  /** A user id, whether that user is in the room or not. */
  after?: string | undefined;
  limit: number;
}

export interface MemberPage {
  /** Of the whole room. */
  count: number;
  members: Member[];
}

export interface MembershipLimits {
  /** A room of more members gets diffs. */
  eventsMembersMax: number;
  /** How long `lastSeen` is known, in milliseconds. */
  lastSeenMs: number;
}

/** Names in one diff. A room that changes faster gets incomplete ones. */
export const diffNamesMax = 250;
/** Rooms whose diffs one sweep returns. */
export const diffsAtOnceMax = 20;

/** Every method rejects with `Unavailable`. */
export interface Memberships {
  /** The outcome of each session, and the changes that the caller should tell and confirm. */
  write(sessions: SessionWrite[]): Promise<Written>;
  /** The next members after a user, in the byte order of their ids. */
  page(roomId: string, query: PageQuery): Promise<MemberPage>;
  /** When a session of the user was last connected, in epoch milliseconds. 0: not known. */
  lastSeen(userId: string): Promise<number>;
  /**
   * Confirms changes, ends sessions whose time is over and those of dead processes, and returns the
   * diffs that are due and the changes that nobody has told. Call it every second: it also keeps
   * this process alive.
   */
  sweep(confirmed: Confirmation[]): Promise<Swept>;
  /**
   * From now on no session of these users and none of these socket ids can be recovered. Sessions
   * without a connection end at once, the others when their process closes them.
   */
  end(userIds: string[], sids: string[]): Promise<{ untold: Untold[]; endedAt: EndedAt }>;
}
