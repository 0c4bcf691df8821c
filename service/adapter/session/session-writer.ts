// Schedules session writes. Changes are batched per event-loop turn, closed sessions are written at
// once, and all sessions are renewed before their keys expire.
import { EngineUnavailable } from '../engine/engine.ts';
import type { AdapterOptions } from '../options.ts';
import { createLimiter } from './limiter.ts';
import type { Session } from './session.ts';
import type { SessionStore } from './session-store.ts';

const savesAtOnceMax = 256; // after an outage, thousands of sessions are written
const unfinishedMax = 100_000;
const retryMs = 2_000;

const connectionGone = () => new EngineUnavailable('The connection is closed');

export type SessionWriter = ReturnType<typeof createSessionWriter>;

interface Events {
  /** A save found that another process has the session. */
  lost(session: Session): void;
  /** The session is gone for good. It is deleted once this resolves. */
  ended(session: Session): Promise<void>;
}

/** @param sessions all sessions of this process */
export function createSessionWriter(
  store: SessionStore,
  sessions: Map<string, Session>,
  { sessionMsMax, observer }: Pick<AdapterOptions, 'sessionMsMax' | 'observer'>,
  { lost, ended }: Events,
) {
  const { track, settled } = createTracker(observer);
  const limited = createLimiter(savesAtOnceMax);
  const final = createFinalWrites(store, track, ended);
  let changed = new Map<Session, PromiseWithResolvers<void>>();
  const saveNow = async (session: Session) => {
    if (session.phase !== 'open') throw connectionGone();
    if (await track(limited(() => store.save(session, false)))) return;
    lost(session);
    throw connectionGone();
  };
  const flush = () => {
    const due = changed;
    changed = new Map();
    for (const [session, saved] of due) {
      saveNow(session).then(saved.resolve, (error) => {
        retries.add(session);
        saved.reject(error);
      });
    }
  };

  const save = (session: Session): Promise<void> => {
    if (session.pid === undefined) return Promise.resolve();
    const known = changed.get(session);
    if (known) return known.promise;
    const saved = Promise.withResolvers<void>();
    saved.promise.catch(() => {}); // the tracker reports it
    if (changed.size === 0) setImmediate(flush);
    changed.set(session, saved);
    return saved.promise;
  };
  const saveAll = () => {
    final.retryAll();
    for (const session of sessions.values()) {
      if (!session.socket) continue;
      session.isStored = false; // what was saved may be lost
      void save(session);
    }
  };
  const rearming = setInterval(saveAll, sessionMsMax / 2);
  const retries = createRetries(store.isUp, (failed) => {
    final.retryAll();
    for (const session of failed) if (session.phase === 'open') void save(session);
  });

  return {
    /** Rejects if the session was not saved. The result may be ignored. */
    save,
    /** Saves all sessions after an outage. A timer calls it before the keys expire. */
    saveAll,
    release: final.release,
    released: final.released,
    remove: final.remove,
    /** Resolves once all writes have finished or failed. */
    async close(): Promise<void> {
      clearInterval(rearming);
      retries.close();
      for (const saved of changed.values()) saved.reject(connectionGone());
      changed.clear();
      await settled();
    },
  };
}

/** Retries failed saves periodically, except during an outage: everything is saved after it. */
function createRetries(isUp: () => boolean, retry: (failed: Set<Session>) => void) {
  let failed = new Set<Session>();
  const timer = setInterval(() => {
    if (!isUp()) return;
    const again = failed;
    failed = new Set();
    retry(again);
  }, retryMs);
  return {
    add: (session: Session) => failed.add(session),
    close: () => clearInterval(timer),
  };
}

/** Last writes of closed sockets. They are retried; otherwise sessions live too long. */
function createFinalWrites(
  store: SessionStore,
  track: ReturnType<typeof createTracker>['track'],
  ended: Events['ended'],
) {
  let unfinished: (() => Promise<unknown>)[] = [];
  const released = new Map<string, Session>(); // by private id
  const finish = (act: () => Promise<unknown>): void => {
    track(act()).catch(() => unfinished.length < unfinishedMax && unfinished.push(act));
  };
  return {
    /** The socket is gone, but may be recovered within the recovery window by any process. */
    release(session: Session): void {
      const { pid, unconfirmed } = session;
      if (pid !== undefined && unconfirmed) released.set(pid, session);
      finish(async () => {
        await store.save(session, true);
        if (pid !== undefined && released.get(pid) === session) released.delete(pid);
      });
    },
    /** A session with unconfirmed packets whose last write is under way. */
    released: (pid: string) => released.get(pid),
    /** The socket is gone for good. */
    remove: (session: Session) =>
      finish(async () => {
        await ended(session);
        await store.delete(session);
      }),
    retryAll(): void {
      const again = unfinished;
      unfinished = [];
      again.forEach(finish);
    },
  };
}

/** Tracks pending writes and reports failed ones. */
function createTracker(observer: AdapterOptions['observer']) {
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
