// Sessions in Redis, fenced by their epoch.
import type { Id } from '../../delivery/envelope.ts';
import { type Format, formats } from '../../formats.ts';
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
  /** The format to write. */
  format(): Format;
}

type Claimed = [
  outcome: 'ok' | (ClaimOutcome & { ok: false })['why'],
  epochOrFormat: string,
  state: string,
  highWatermark: Id,
  lowWatermark: Id,
  format: Format,
  previous: string,
];

export function createSessions(
  { run }: Pick<Connections, 'run'>,
  { prefix, processId, keys, options, handovers, format }: Parts,
): Pick<Engine, 'saveSession' | 'claimSession' | 'deleteSession'> {
  const { sessionMsMax, sessionsPerUserMax, recoveryMsMax, takeoversMax, observer } = options;
  /** The keys of a session, and of the set of all sessions of its user. */
  const keysOf = ({ namespace, pid, user }: SessionKey) => {
    const scope = scopeOf(prefix, namespace);
    return [`${scope}session:${pid}`, `${scope}sessions:${user}`];
  };
  return {
    async saveSession(session, gone) {
      const { epoch, user, state, format } = session;
      const goneMs = keepMsOf(options); // past the window: expired
      const openMs = sessionMsMax + goneMs; // its process may be killed right before a renewal
      const ms = gone ? goneMs : openMs;
      const limits = [ms, gone ? '1' : '', sessionsPerUserMax, openMs, format];
      const args = [epoch, user, processId, state, ...limits].map(String);
      const answer = Number(await run(saveSession, keysOf(session), args));
      if (answer > 1) observer.limitReached('sessions_per_user');
      return answer > 0;
    },
    async claimSession(key) {
      const [name = ''] = keysOf(key);
      const { notice, answerOf, close } = handovers.ask(key);
      const limits = [recoveryMsMax, keys.processes, notice, takeoversMax];
      const readable = [format(), formats.oldest, formats.newest];
      try {
        const claimed = (await run(
          claimSession,
          [name, keys.sequence, keys.lowWatermark],
          [key.user, processId, ...limits, ...readable].map(String),
        )) as Claimed;
        const [outcome, epoch, state, highWatermark, lowWatermark, written, previous] = claimed;
        if (outcome === 'unreadable') observer.unreadable('session', Number(epoch));
        if (outcome !== 'ok') return { ok: false, why: outcome };
        const handover = previous ? await answerOf(previous) : undefined;
        const watermarks = { highWatermark, lowWatermark };
        return { ok: true, epoch: Number(epoch), state, format: written, ...watermarks, handover };
      } finally {
        close();
      }
    },
    async deleteSession(key, epoch) {
      await run(deleteSession, keysOf(key), [String(epoch)]);
    },
  };
}
