// Notifies the application of presence changes. A change stays untold in the store until it is
// confirmed, so that none is lost with a reply of Redis or with a process.
import type { Broadcast, Target } from './broadcast.ts';
import type { Change, Confirmation, Untold } from './memberships.ts';

/** A user entered a room with a first session, or left it with the last one. */
export interface PresenceChange extends Change {
  roomId: string;
  userId: string;
}

/** @param publish emits once, however often this change is notified */
export type ChangeListener = (change: PresenceChange, publish: Publish) => Promise<void>;

type Publish = (target: Target, event: string, ...args: unknown[]) => Promise<void>;

const toldMs = 60_000; // longer than a published change stays unconfirmed
const confirmedAtOnceMax = 1_000;

export function createPresenceChanges(publish: Broadcast['publish']) {
  const confirmed: Confirmation[] = [];
  let listener: ChangeListener | undefined;
  const notify = (change: PresenceChange) =>
    listener?.(change, async (target, event, ...args) => {
      const once = { key: `presence:${change.id}`, ms: toldMs };
      await publish(target, event, args, { once });
    });
  const tell = async ({ key, roomId, userId, changes }: Untold) => {
    const { id } = changes.at(-1) as Change;
    await Promise.all(changes.map((change) => notify({ ...change, roomId, userId })));
    confirmed.push({ key, id });
  };
  return {
    listen(given: ChangeListener): void {
      listener = given;
    },
    /** A change that cannot be announced is found again by a later sweep, on any process. */
    tell(untold: Untold[]): void {
      for (const one of untold) tell(one).catch(() => {});
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
