// Sessions in memory.
import type { ClaimOutcome, SessionKey, StoredSession } from '../engine.ts';

interface Kept extends StoredSession {
  /** The engine that holds the session. */
  holder: string;
  /** When its socket disconnected, by `performance.now()`, or `undefined` while connected. */
  goneAt: number | undefined;
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
const nameOf = ({ namespace, pid }: Pick<StoredSession, 'namespace' | 'pid'>) =>
  `${pid} ${namespace}`;

export function createSessions(limits: SessionLimits) {
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
    [...names].find((name) => sessions.get(name)?.goneAt !== undefined) ?? [...names][0];
  return {
    /**
     * `taken`: a newer claim has the session. `evicted`: the user had too many, so one was removed.
     */
    save(session: StoredSession, gone: boolean, holder: string): 'saved' | 'taken' | 'evicted' {
      const name = nameOf(session);
      const known = sessions.get(name);
      if (known && known.epoch > session.epoch) return 'taken';
      const goneAt = gone ? performance.now() : undefined;
      const { takeovers = 0, takeoversSince = 0 } = known ?? {};
      sessions.set(name, { ...session, holder, goneAt, takeovers, takeoversSince });
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
      if (session.goneAt !== undefined && now - session.goneAt > recoveryMsMax) {
        remove(name);
        return refused('expired');
      }
      if (session.goneAt === undefined) {
        const recent = now - session.takeoversSince < takeoverWindowMs;
        const takeovers = recent ? session.takeovers + 1 : 1;
        if (takeovers > takeoversMax) return refused('limited');
        Object.assign(session, { takeovers, ...(!recent && { takeoversSince: now }) });
      }
      const before = session.holder;
      session.epoch += 1;
      Object.assign(session, { holder, goneAt: undefined });
      const { epoch, state, format } = session;
      return { ok: true, epoch, state, format, before } as const;
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
