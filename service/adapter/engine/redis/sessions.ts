// Sessions in Redis, fenced by their epoch.
import type { Id } from '../../delivery/envelope.ts';
import { type AdapterOptions, keepMsOf } from '../../options.ts';
import type { ClaimOutcome, Engine, SessionKey } from '../engine.ts';
import { scopeOf } from '../names.ts';
import type { Connections } from './connections.ts';
import type { Handovers } from './handovers.ts';
import type { Keys } from './keys.ts';
import { claimSession, deleteSession, saveSession } from './scripts.ts';

interface Parts {
  prefix: string;
  processId: string;
  keys: Keys;
  options: AdapterOptions;
  handovers: Handovers;
}

type Claimed = ['ok' | (ClaimOutcome & { ok: false })['why'], string, string, Id, Id, string];

export function createSessions(
  { run }: Pick<Connections, 'run'>,
  { prefix, processId, keys, options, handovers }: Parts,
): Pick<Engine, 'saveSession' | 'claimSession' | 'deleteSession'> {
  const { sessionMsMax, sessionsPerUserMax, recoveryMsMax, takeoversMax, observer } = options;
  /** The keys of a session, and of the set of all sessions of its user. */
  const keysOf = ({ namespace, pid, user }: SessionKey) => {
    const scope = scopeOf(prefix, namespace);
    return [`${scope}session:${pid}`, `${scope}sessions:${user}`];
  };
  return {
    async saveSession(session, gone) {
      const { epoch, user, state } = session;
      const ms = gone ? keepMsOf(options) : sessionMsMax; // past the window: expired
      const limits = [ms, gone ? '1' : '', sessionsPerUserMax, sessionMsMax];
      const args = [epoch, user, processId, state, ...limits].map(String);
      const answer = Number(await run(saveSession, keysOf(session), args));
      if (answer > 1) observer.limitReached('sessions_per_user');
      return answer > 0;
    },
    async claimSession(key) {
      const [name = ''] = keysOf(key);
      const { notice, answerOf, close } = handovers.ask(key);
      try {
        const [outcome, epoch, state, highWatermark, lowWatermark, previous] = (await run(
          claimSession,
          [name, keys.sequence, keys.lowWatermark],
          [key.user, processId, `${recoveryMsMax}`, keys.processes, notice, `${takeoversMax}`],
        )) as Claimed;
        if (outcome !== 'ok') return { ok: false, why: outcome };
        const handover = previous ? await answerOf(previous) : undefined;
        return { ok: true, epoch: Number(epoch), state, highWatermark, lowWatermark, handover };
      } finally {
        close();
      }
    },
    async deleteSession(key, epoch) {
      await run(deleteSession, keysOf(key), [String(epoch)]);
    },
  };
}
