// Splits a client's record into sessions: each begins with a connect that did not recover.
import { applyEndings } from './endings.ts';
import { type ClientEvent, type ClientRecord, type History, hasForgotten } from './history.ts';
import { asked, beginLife, granted, type Life } from './membership.ts';

/** What a client received, in order. */
export type Told = Extract<ClientEvent, { type: 'received' | 'shown' | 'presence' }>;

type Report = (
  kind: 'wrongly recovered' | 'wrongly not recovered',
  at: number,
  text: string,
) => void;

export function readLives(history: History, record: ClientRecord, report: Report) {
  const lives: Life[] = [];
  const told: Told[] = [];
  let lostAt: number | undefined;
  let openedAt = 0;
  const unanswered = new Map<number, Extract<ClientEvent, { type: 'called' }>>();
  for (const event of record.events) {
    const life = lives.at(-1);
    const { at, type } = event;
    if (type === 'opened') openedAt = at;
    else if (type === 'disconnected') lostAt ??= at;
    else if (type === 'received' || type === 'shown' || type === 'presence') told.push(event);
    else if (type === 'called') {
      unanswered.set(event.request, event);
      if (life) asked(life, event);
    } else if (type === 'answered') {
      const request = unanswered.get(event.request);
      unanswered.delete(event.request);
      if (life && request && event.ok) granted(life, at, request);
    } else if (type === 'connected') {
      const why = judgeConnect(history, event, { life, lostAt: lostAt ?? at, openedAt });
      if (why) report(event.recovered ? 'wrongly recovered' : 'wrongly not recovered', at, why);
      if (event.recovered && life) {
        lostAt = undefined;
        continue;
      }
      if (life) Object.assign(life, { to: at, mayLinger: hasForgotten(history, lostAt ?? at, at) });
      lostAt = undefined;
      const next = beginLife(event.sid, at, unanswered.values());
      applyEndings(history, record, next, openedAt);
      lives.push(next);
    }
  }
  if (record.role === 'gone') endLast(lives, record);
  return { lives, told };
}

interface Before {
  life: Life | undefined;
  lostAt: number;
  openedAt: number;
}

/** Why the outcome of a connect is wrong, if so. */
function judgeConnect(
  history: History,
  { at, recovered, sid }: Extract<ClientEvent, { type: 'connected' }>,
  { life, lostAt, openedAt }: Before,
): string | undefined {
  if (!recovered) {
    const mayBeNew = !life?.durable || life.mayEnd < at || hasForgotten(history, lostAt, at);
    return mayBeNew ? undefined : `its session was ${life.sid}`;
  }
  if (!life) return 'it had no session';
  if (life.sid !== sid) return `as ${sid}, it was ${life.sid}`;
  return openedAt > life.mustEnd ? 'its session had been ended' : undefined;
}

/** It is owed nothing after its last event. */
function endLast(lives: Life[], { events }: ClientRecord): void {
  const life = lives.at(-1);
  if (life) life.to = (events.at(-1)?.at ?? life.from) + 1e-6; // see createClock
}
