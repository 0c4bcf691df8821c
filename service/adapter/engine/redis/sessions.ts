// Sessions in Redis, fenced by their epoch: a hash for each, with a field per room, so that a join
// writes one field.
import type { Id } from '../../delivery/envelope.ts';
import { type Format, formats } from '../../delivery/formats.ts';
import { type AdapterOptions, keepMsOf } from '../../options.ts';
import type { ClaimOutcome, Engine, SaveOutcome, SessionKey } from '../engine.ts';
import { scopeOf } from '../names.ts';
import type { Connections } from './connections.ts';
import type { Handovers } from './handovers.ts';
import { aliveMsOf, pauseMsOf } from './heartbeat.ts';
import { type Keys, positionKeys } from './keys.ts';
import { claimSession, deleteSession, saveSession } from './session-scripts.ts';

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
  highWatermark: Id,
  received: Id,
  fields: string[],
  previous: string,
];

const saveOutcomes: SaveOutcome[] = ['taken', 'saved', 'saved', 'incomplete'];
const evicted = 2;
const roomField = 'room:';

export function createSessions(
  { run }: Pick<Connections, 'run'>,
  { prefix, processId, keys, options, handovers, format }: Parts,
): Pick<Engine, 'saveSession' | 'claimSession' | 'deleteSession'> {
  const { sessionMsMax, sessionsPerUserMax, recoveryMsMax, takeoversMax, observer } = options;
  /** The keys of a session, and of the set of all sessions of its user. */
  const keysOf = ({ namespace, pid, user }: SessionKey): [session: string, ofUser: string] => {
    const scope = scopeOf(prefix, namespace);
    return [`${scope}session:${pid}`, `${scope}sessions:${user}`];
  };
  return {
    async saveSession(session) {
      const { epoch, user, state, format, whole, joined, left, confirmed = '', goneMs } = session;
      const isGone = goneMs !== undefined;
      const closedMs = keepMsOf(options); // past the window: expired
      const openMs = sessionMsMax + closedMs; // its process may be killed right before a renewal
      const ms = isGone ? closedMs : openMs;
      const gone = isGone ? Math.round(goneMs) : '';
      const fixed = [epoch, user, processId, state, ms, whole ? '1' : '', confirmed, gone];
      const more = [sessionsPerUserMax, openMs, format, joined.length];
      const args = [...fixed, ...more, ...joined.flat(), ...left].map(String);
      const answer = Number(await run(saveSession, keysOf(session), args));
      if (answer === evicted) observer.limitReached('sessions_per_user');
      return saveOutcomes[answer] as SaveOutcome;
    },
    async claimSession(key) {
      const [name] = keysOf(key);
      const { notice, answerOf, close } = handovers.ask(key);
      const limits = [recoveryMsMax, keys.processes, notice, takeoversMax];
      const silence = [aliveMsOf(options), pauseMsOf(options)];
      const readable = [format(), formats.oldest, formats.newest];
      try {
        const claimed = (await run(
          claimSession,
          [...positionKeys(keys), name, keys.heartbeats],
          [key.user, processId, ...limits, ...readable, ...silence].map(String),
        )) as Claimed;
        const [outcome, epoch, highWatermark, received, fields, previous] = claimed;
        if (outcome === 'unreadable') observer.unreadable('session', Number(epoch));
        if (outcome !== 'ok') return { ok: false, why: outcome };
        const handover = previous ? await answerOf(previous) : undefined;
        const about = { epoch: Number(epoch), received, highWatermark, handover };
        return { ok: true, ...about, ...contentOf(fields) };
      } finally {
        close();
      }
    },
    async deleteSession(key, epoch) {
      await run(deleteSession, keysOf(key), [String(epoch)]);
    },
  };
}

/** @param fields alternating fields and values */
function contentOf(fields: string[]): { state: string; format: Format; joined: [string, Id][] } {
  const joined: [string, Id][] = [];
  let state = '';
  let format: Format = formats.oldest;
  for (let i = 0; i < fields.length; i += 2) {
    const [field, value] = [fields[i] as string, fields[i + 1] as string];
    if (field === 'state') state = value;
    else if (field === 'format') format = Number(value);
    else if (field.startsWith(roomField)) joined.push([field.slice(roomField.length), value]);
  }
  return { state, format, joined };
}
