// What both presences share.

/** User ids that are answered for one room; a bigger room shows a part of its members. */
export const membersMax = 1_000;

/** Which users are in a room, over all replicas. Rejects with `Unavailable`. */
export interface Presence {
  /** Counts one more socket of the user in the room. */
  enter(roomId: string, userId: string): Promise<void>;
  /** Counts one socket less; true when it was the user's last one there. */
  leave(roomId: string, userId: string): Promise<boolean>;
  /** User ids, a thousand at most. */
  members(roomId: string): Promise<string[]>;
  /** To be called every few seconds: who was left behind by a replica that is gone. */
  sweep(): Promise<{ roomId: string; userId: string }[]>;
}
