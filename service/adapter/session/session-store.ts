// Stores the sessions of live sockets in the engine, so that any process can take them over.
import type { Id } from '../delivery/envelope.ts';
import type { ClaimOutcome, Engine, SessionKey } from '../engine/engine.ts';
import type { Format } from '../formats.ts';
import type { Session } from './session.ts';
import { type StoredUnconfirmed, toStored } from './unconfirmed.ts';

interface State {
  sid: string;
  joined: [string, Id][];
  data: unknown;
  /** Only of a session whose socket is gone: a live one hands it over. */
  unconfirmed?: StoredUnconfirmed;
}

export type Claim =
  | (Omit<Extract<ClaimOutcome, { ok: true }>, 'state'> & { state: State })
  | Extract<ClaimOutcome, { ok: false }>;

export type SessionStore = ReturnType<typeof createSessionStore>;

/** @param format returns the format to write */
export function createSessionStore(engine: Engine, namespace: string, format: () => Format) {
  const saveNow = async (session: Session, gone: boolean): Promise<boolean> => {
    const { sid, joined, pid, epoch, user } = session;
    if (pid === undefined) return true;
    await Promise.all(session.pending.splice(0));
    const unconfirmed = gone && session.unconfirmed && toStored(session.unconfirmed);
    const state = { sid, joined: [...joined], ...(unconfirmed && { unconfirmed }) };
    const data = dataOf(session);
    const others = JSON.stringify(state satisfies Omit<State, 'data'>);
    const text = `${others.slice(0, -1)},"data":${data}}`;
    const stored = { namespace, pid, user, epoch, state: text, format: format() };
    const saved = await engine.saveSession(stored, gone);
    session.savedData = data;
    return saved;
  };
  return {
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
      const state = JSON.parse(outcome.state) as State;
      const { handover } = outcome;
      if (handover) state.unconfirmed = JSON.parse(handover) as StoredUnconfirmed;
      return { ...outcome, state };
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

/** Runs `act` after the earlier saves of the session. */
function inOrder<T>(session: Session, act: () => Promise<T>): Promise<T> {
  const done = session.saved.then(act);
  session.saved = done.catch(() => {});
  return done;
}
