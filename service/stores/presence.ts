// What both presences share.

/** User ids that are answered for one room; a bigger room shows a part of its members. */
export const membersMax = 1_000;
