// Sessions in memory.
import { type Id, noId } from '../../delivery/envelope.ts';
import type { ClaimOutcome, SaveOutcome, SessionKey, SessionWrite } from '../engine.ts';

interface Kept extends Pick<SessionWrite, keyof SessionKey | 'epoch' | 'state' | 'format'> {
  joined: Map<string, Id>;
  /** The engine that holds the session. */
  holder: string;
  /** Whether a connection has it. */
  isOpen: boolean;
  /**
   * When the client was first lost, by `performance.now()`, or `undefined` since it is back.
   */
  goneAt: number | undefined;
  /** Everything up to this id has arrived at the client. */
  received: Id;
  takeovers: number;
  takeoversSince: number;
}

export interface SessionLimits {
  recoveryMsMax: number;
  /** TTL of a session after its socket disconnected. */
  keepMs: number;
  sessionsPerUserMax: number;
  /** How often a session may be claimed from a live connection within ten seconds. */
  takeoversMax: number;
}

const takeoverWindowMs = 10_000;
const nameOf = ({ namespace, pid }: SessionKey) => `${pid} ${namespace}`;
const laterOf = (one: Id, other: Id = noId) => (one > other ? one : other);

/** @param receivedBy returns what the clients of a holder have received; see `EngineEvents` */
export function createSessions(
  limits: SessionLimits,
  receivedBy: (holder: string) => Id | undefined,
) {
  const { recoveryMsMax, keepMs, sessionsPerUserMax, takeoversMax } = limits;
  const sessions = new Map<string, Kept>();
  const byUser = new Map<string, Set<string>>(); // ordered by last save
  const remove = (name: string) => {
    const user = sessions.get(name)?.user ?? '';
    sessions.delete(name);
    byUser.get(user)?.delete(name);
    if (byUser.get(user)?.size === 0) byUser.delete(user);
  };
  /** Evicts disconnected sessions first. */
  const evictionOf = (names: Set<string>) =>
    [...names].find((name) => sessions.get(name)?.isOpen === false) ?? [...names][0];
  return {
    /** `evicted`: the session was saved, and another one of the user, who had too many, removed. */
    save(session: SessionWrite, holder: string): SaveOutcome | 'evicted' {
      const name = nameOf(session);
      const known = sessions.get(name);
      if (known && known.epoch > session.epoch) return 'taken';
      if (!session.whole && known?.epoch !== session.epoch) return 'incomplete';
      sessions.set(name, written(session, holder, known));
      if (session.user === '') return 'saved';
      const own = byUser.get(session.user) ?? new Set();
      own.delete(name);
      byUser.set(session.user, own.add(name));
      if (own.size <= sessionsPerUserMax) return 'saved';
      remove(evictionOf(own) as string);
      return 'evicted';
    },
    claim(key: SessionKey, holder: string) {
      const name = nameOf(key);
      const session = sessions.get(name);
      const refused = (why: (ClaimOutcome & { ok: false })['why']) => ({ ok: false, why }) as const;
      if (!session) return refused('unknown');
      if (session.user !== key.user) return refused('refused');
      const now = performance.now();
      const { goneAt = now } = session;
      if (now - goneAt > recoveryMsMax) {
        remove(name);
        return refused('expired');
      }
      if (session.isOpen && !countTakeover(session, now, takeoversMax)) return refused('limited');
      const before = session.holder;
      if (session.goneAt === undefined) {
        session.received = laterOf(session.received, receivedBy(before));
      }
      session.epoch += 1;
      Object.assign(session, { holder, goneAt, isOpen: true });
      const { epoch, state, format, received, joined } = session;
      const claimed = { epoch, state, format, received, joined: [...joined] };
      return { ok: true as const, ...claimed, before };
    },
    delete(key: SessionKey, epoch: number): void {
      if (sessions.get(nameOf(key))?.epoch === epoch) remove(nameOf(key));
    },
    sweep(): void {
      const now = performance.now();
      for (const [name, { goneAt }] of sessions) {
        if (goneAt !== undefined && now - goneAt > keepMs) remove(name);
      }
    },
  };
}

/** Returns false if there were too many. */
function countTakeover(session: Kept, now: number, takeoversMax: number): boolean {
  const recent = now - session.takeoversSince < takeoverWindowMs;
  const takeovers = recent ? session.takeovers + 1 : 1;
  if (takeovers > takeoversMax) return false;
  Object.assign(session, { takeovers, ...(!recent && { takeoversSince: now }) });
  return true;
}

function written(session: SessionWrite, holder: string, known: Kept | undefined): Kept {
  const { namespace, pid, user, epoch, state, format, confirmed, goneMs } = session;
  const joined = (!session.whole && known?.joined) || new Map<string, Id>();
  for (const [room, position] of session.joined) joined.set(room, position);
  for (const room of session.left) joined.delete(room);
  const lostAt = confirmed === undefined ? known?.goneAt : undefined;
  const goneAt = goneMs === undefined ? lostAt : (lostAt ?? performance.now() - goneMs);
  const received = laterOf(confirmed ?? noId, known?.received);
  const { takeovers = 0, takeoversSince = 0 } = known ?? {};
  const about = { namespace, pid, user, epoch, state, format, joined, received };
  return { ...about, holder, isOpen: goneMs === undefined, goneAt, takeovers, takeoversSince };
}
