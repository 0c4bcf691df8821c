// Stores the sessions of live sockets in the engine, so that any process can take them over.
import type { Id } from '../delivery/envelope.ts';
import { type Format, noFormat } from '../delivery/formats.ts';
import type { ClaimOutcome, Engine, SessionKey, SessionWrite } from '../engine/engine.ts';
import type { Observer } from '../options.ts';
import { type Clock, correctPositions } from './clock.ts';
import type { Session } from './session.ts';
import { type StoredUnconfirmed, toStored } from './unconfirmed.ts';

interface State {
  sid: string;
  data: unknown;
  /** Only of a session whose socket is gone: a live one hands it over. */
  unconfirmed?: StoredUnconfirmed;
  /** Of a session whose socket is gone: nothing later was written, whatever the offset says. */
  heldAfter?: Id;
}

export type Claim =
  | (Omit<Extract<ClaimOutcome, { ok: true }>, 'state'> & { state: State })
  | Extract<ClaimOutcome, { ok: false }>;

export type SessionStore = ReturnType<typeof createSessionStore>;

interface Parts {
  engine: Engine;
  isUp(): boolean;
  clock: Clock;
  /** Returns the format to write. */
  format(): Format;
  options: { observer: Pick<Observer, 'unreadable'> };
}

export function createSessionStore(
  { engine, isUp, clock, format, options }: Parts,
  namespace: string,
) {
  const saveNow = async (session: Session, gone: boolean): Promise<boolean> => {
    const { sid, pid, epoch, user } = session;
    if (pid === undefined) return true;
    await Promise.all(session.pending.splice(0));
    const unconfirmed = gone && session.unconfirmed && toStored(session.unconfirmed);
    const others = {
      sid,
      ...(unconfirmed && { unconfirmed }),
      ...(gone && session.heldAfter && { heldAfter: session.heldAfter }),
    } satisfies Omit<State, 'data'>;
    const data = dataOf(session);
    const state = `${JSON.stringify(others).slice(0, -1)},"data":${data}}`;
    const goneMs = gone ? performance.now() - session.closedAt : undefined;
    correctPositions(session, clock); // the last outage may have been the end of the socket
    const rooms = takeUnsaved(session);
    const { confirmed } = session;
    try {
      const about = { namespace, pid, user, epoch, state, format: format() };
      const outcome = await engine.saveSession({ ...about, confirmed, goneMs, ...rooms });
      if (outcome !== 'incomplete') {
        session.savedData = data;
        return outcome === 'saved';
      }
    } catch (error) {
      session.isStored = false; // or not as it is
      throw error;
    }
    session.isStored = false;
    return saveNow(session, gone);
  };
  return {
    isUp,
    /**
     * Resolves to false if another connection has claimed the session.
     * @param gone whether the connection is gone. This starts the recovery window.
     */
    save: (session: Session, gone: boolean) => inOrder(session, () => saveNow(session, gone)),
    /** Runs after pending saves, which would recreate the session. */
    async delete(session: Session): Promise<void> {
      const { pid, user, epoch } = session;
      if (pid === undefined) return;
      await inOrder(session, () => engine.deleteSession({ namespace, pid, user }, epoch));
    },
    async claim(key: Omit<SessionKey, 'namespace'>): Promise<Claim> {
      const outcome = await engine.claimSession({ ...key, namespace });
      if (!outcome.ok) return outcome;
      const { handover } = outcome;
      try {
        const state = JSON.parse(outcome.state) as State;
        if (handover) state.unconfirmed = JSON.parse(handover) as StoredUnconfirmed;
        if (typeof state.sid === 'string') return { ...outcome, state };
      } catch {
        // The client gets a new session, as it would fail to claim this one again and again.
      }
      options.observer.unreadable('session', noFormat);
      return { ok: false, why: 'unreadable' };
    },
  };
}

/** The data of a session as JSON. The application may have replaced the object. */
export function dataOf(session: Session): string {
  const { data } = session.socket ?? session;
  const text = JSON.stringify(data) ?? 'null';
  return text === noData ? noData : text; // most sockets have none, and share the text
}

const noData = '{}';

/** What to write of the rooms. The next save starts from there. */
function takeUnsaved(session: Session): Pick<SessionWrite, 'whole' | 'joined' | 'left'> {
  const { isStored, unsaved = [], joined } = session;
  session.isStored = true;
  session.unsaved = undefined;
  if (!isStored) return { whole: true, joined: [...joined], left: [] };
  const changes: Pick<SessionWrite, 'whole' | 'joined' | 'left'> = {
    whole: false,
    joined: [],
    left: [],
  };
  for (const room of unsaved) {
    const position = joined.get(room);
    if (position === undefined) changes.left.push(room);
    else changes.joined.push([room, position]);
  }
  return changes;
}

/** Runs `act` after the earlier saves of the session. */
function inOrder<T>(session: Session, act: () => Promise<T>): Promise<T> {
  const done = session.saved.then(act);
  session.saved = done.catch(() => {});
  return done;
}
