// Writes sessions to Redis: what changes in one turn of the event loop at once, what is gone at
// once, and all of them again before their keys end.
import { RedisUnavailable } from '../redis/connections.ts';
import type { Hub } from '../stream/stream.ts';
import type { Session } from './session.ts';
import { remove, write } from './session-store.ts';

const tooLate = () => new RedisUnavailable('the connection has gone');

export type Keeper = ReturnType<typeof createKeeper>;

/**
 * @param sessions all of this process
 * @param lost told when another process turns out to have the session
 */
export function createKeeper(
  hub: Hub,
  namespace: string,
  sessions: Map<string, Session>,
  lost: (session: Session) => void,
) {
  const { track, settled } = createTracker(hub.options.observer);
  let dirty = new Map<Session, PromiseWithResolvers<void>>();
  const { finishAll, ...last } = createLastWrites(hub, namespace, track);
  const saveNow = async (session: Session) => {
    if (session.phase !== 'open') throw tooLate();
    if (await track(write(hub, namespace, session, false))) return;
    lost(session);
    throw tooLate();
  };
  const flush = () => {
    const changed = dirty;
    dirty = new Map();
    for (const [session, saved] of changed) saveNow(session).then(saved.resolve, saved.reject);
  };

  const save = (session: Session): Promise<void> => {
    if (!session.pid) return Promise.resolve();
    const known = dirty.get(session);
    if (known) return known.promise;
    const saved = Promise.withResolvers<void>();
    saved.promise.catch(() => {}); // observed already
    if (dirty.size === 0) setImmediate(flush);
    dirty.set(session, saved);
    return saved.promise;
  };
  const saveAll = () => {
    finishAll();
    for (const session of sessions.values()) if (session.socket) void save(session);
  };
  const rearming = setInterval(saveAll, hub.options.sessionMsMax / 2);

  return {
    /** Rejects when Redis did not take it; nobody has to wait. */
    save,
    /** After Redis was away; by itself before the keys end. */
    saveAll,
    ...last,
    /** What the sockets have missed is in no log any more: they come back as new ones. */
    forgetAll: () => [...sessions.values()].forEach(last.forget),
    /** Resolves when everything is written, or has failed. */
    async close(): Promise<void> {
      clearInterval(rearming);
      for (const saved of dirty.values()) saved.reject(tooLate());
      dirty.clear();
      await settled();
    },
  };
}

const unfinishedMax = 100_000;

/** When Redis is away it has to hear of them later, or sessions are valid for too long. */
function createLastWrites(
  hub: Hub,
  namespace: string,
  track: ReturnType<typeof createTracker>['track'],
) {
  let unfinished: (() => Promise<unknown>)[] = [];
  const finish = (act: () => Promise<unknown>): void => {
    track(act()).catch(() => unfinished.length < unfinishedMax && unfinished.push(act));
  };
  return {
    /** Its socket is gone and may come back within the window, anywhere. */
    release: (session: Session) => finish(() => write(hub, namespace, session, true)),
    /** Its socket is gone for good. */
    remove: (session: Session) => finish(() => remove(hub, namespace, session)),
    /** Its socket is to go, and its client to come back as a new one. */
    forget(session: Session): void {
      const forgotten = { ...session };
      delete session.pid; // so that its end does not write it again
      finish(() => remove(hub, namespace, forgotten));
      session.client?.conn.close();
    },
    finishAll(): void {
      const again = unfinished;
      unfinished = [];
      again.forEach(finish);
    },
  };
}

/** Writes that are under way; those that fail are told. */
function createTracker(observer: Hub['options']['observer']) {
  const underWay = new Set<Promise<unknown>>();
  return {
    async track<T>(writing: Promise<T>): Promise<T> {
      underWay.add(writing);
      try {
        return await writing;
      } catch (error) {
        observer.failed('session_write', error);
        throw error;
      } finally {
        underWay.delete(writing);
      }
    },
    settled: () => Promise.allSettled(underWay),
  };
}
