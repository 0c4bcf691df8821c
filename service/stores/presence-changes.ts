// Notifies the application of presence changes. A change stays untold in the store until it is
// confirmed, so that none is lost with a reply of Redis or with a process.
import type { Broadcast, Target } from './broadcast.ts';
import type { Change, Confirmation, Diff, Untold } from './memberships.ts';
import { type Present, presentOf, type Shown, shownOf } from './presence-shown.ts';

/**
 * A user entered a room with a first session, left it with the last one, or shows something else
 * there.
 */
export interface PresenceChange extends Omit<Change, 'presence'>, Shown {
  roomId: string;
  userId: string;
}

/** What has changed in a large room since the last diff. */
export interface PresenceDiff {
  roomId: string;
  /** The number of users in the room. */
  count: number;
  /** User ids: who has joined or shows something else. */
  joined: string[];
  left: string[];
  /** What those of `joined` show who show anything. */
  presences: Present[];
  /** False if more has changed than is named. */
  complete: boolean;
}

/** @param publish emits once, however often this change is notified */
export type ChangeListener = (change: PresenceChange, publish: Publish) => Promise<void>;
export type DiffListener = (diff: PresenceDiff, publish: Publish) => Promise<void>;

type Publish = (target: Target, event: string, ...args: unknown[]) => Promise<void>;

const toldMs = 60_000; // longer than a published change stays unconfirmed
const confirmedAtOnceMax = 1_000;

export function createPresenceChanges(publish: Broadcast['publish']) {
  const confirmed: Confirmation[] = [];
  let listener: ChangeListener | undefined;
  let diffListener: DiffListener | undefined;
  const publishOnce =
    (id: string): Publish =>
    async (target, event, ...args) => {
      const once = { key: `presence:${id}`, ms: toldMs };
      await publish(target, event, args, { once });
    };
  const tell = async ({ key, roomId, userId, changes }: Untold) => {
    const { id } = changes.at(-1) as Change;
    const told = changes.map(({ presence, ...change }) =>
      listener?.({ ...change, roomId, userId, ...shownOf(presence) }, publishOnce(change.id)),
    );
    await Promise.all(told);
    confirmed.push({ key, id });
  };
  const tellDiff = async (diff: Diff) => {
    const { key, id, roomId } = diff;
    await diffListener?.(toDiff(diff), publishOnce(`${roomId}:${id}`));
    confirmed.push({ key, id });
  };
  return {
    listen(given: ChangeListener): void {
      listener = given;
    },
    listenToDiffs(given: DiffListener): void {
      diffListener = given;
    },
    /** A change that cannot be announced is found again by a later sweep, on any process. */
    tell(untold: Untold[]): void {
      for (const one of untold) tell(one).catch(() => {});
    },
    tellDiffs(diffs: Diff[]): void {
      for (const one of diffs) tellDiff(one).catch(() => {});
    },
    /** Changes to confirm, some at once. Give them back if that fails. */
    takeConfirmed: (): Confirmation[] => confirmed.splice(0, confirmedAtOnceMax),
    /** Whether the next batch is full already. */
    isBehind: () => confirmed.length >= confirmedAtOnceMax,
    giveBack(taken: Confirmation[]): void {
      confirmed.unshift(...taken);
    },
  };
}

const diffBytesMax = 16_384; // of what is shown: every member of a large room gets it

function toDiff({ roomId, count, joined, left, isComplete }: Diff): PresenceDiff {
  let bytes = 0;
  const named = joined.filter(({ presence }) => {
    bytes += presence.length;
    return bytes <= diffBytesMax;
  });
  const complete = isComplete && named.length === joined.length;
  const ids = named.map(({ userId }) => userId);
  const presences = named.filter(({ presence }) => presence !== '').map(presentOf);
  return { roomId, count, joined: ids, left, presences, complete };
}
