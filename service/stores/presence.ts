// Presence: which users are in a room. The two implementations share this file.

/** User ids that `members` returns for one room. Larger rooms are truncated. */
export const membersMax = 1_000;

/** Which users are in a room, over all replicas. Rejects with `Unavailable`. */
export interface Presence {
  /** Counts one more socket of the user in the room. */
  enter(roomId: string, userId: string): Promise<void>;
  /** Removes one socket from the count. Resolves to true if it was the user's last in the room. */
  leave(roomId: string, userId: string): Promise<boolean>;
  /** User ids, at most `membersMax`. */
  members(roomId: string): Promise<string[]>;
  /** Call it every few seconds. Removes and returns the members that a dead process left behind. */
  sweep(): Promise<{ roomId: string; userId: string }[]>;
}
