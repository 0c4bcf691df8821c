// Which session is in which room, as stored. There are two implementations, in Redis and in the
// memory of one process; both pass test/chat/memberships.test.ts.

/** User ids that `members` returns for one room. Larger rooms are truncated. */
export const membersMax = 1_000;

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
  /** Room ids. `isNew` is false for those that Redis had: if it lost them, nobody is notified. */
  rooms: { roomId: string; isNew: boolean }[];
}

/** `refused`: the session may not be recovered, and has ended. */
export type WriteOutcome = 'ok' | 'taken' | 'refused';

/** The first session of a user is in a room, or the last one no longer is. */
export interface Change {
  id: string;
  type: 'joined' | 'left';
  sid: string;
}

/** The changes of one user in one room that are not confirmed, oldest first. */
export interface Untold {
  /** Identifies the user and the room when the changes are confirmed. */
  key: string;
  roomId: string;
  userId: string;
  changes: Change[];
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
}

export interface Swept {
  untold: Untold[];
  /** Whether there is more to do at once. */
  more: boolean;
  /** Whether the sessions of this process may be missing and have to be written again. */
  forgotten: boolean;
}

/** Every method rejects with `Unavailable`. */
export interface Memberships {
  /** The outcome of each session, and the changes that the caller should tell and confirm. */
  write(sessions: SessionWrite[]): Promise<Written>;
  /** User ids, at most `membersMax`. */
  members(roomId: string): Promise<string[]>;
  /**
   * Confirms changes, ends sessions whose time is over and those of dead processes, and returns
   * changes that nobody has told. Call it every second: it also keeps this process alive.
   */
  sweep(confirmed: Confirmation[]): Promise<Swept>;
  /**
   * From now on no session of these users and none of these socket ids can be recovered. Sessions
   * without a connection end at once, the others when their process closes them.
   */
  end(userIds: string[], sids: string[]): Promise<{ untold: Untold[]; endedAt: EndedAt }>;
}
