// Splits a client's record into sessions: each begins with a connect that did not recover.
import { type ClientEvent, type ClientRecord, type History, hasForgotten } from './history.ts';
import { asked, beginLife, granted, type Life } from './membership.ts';

/** What a client received, in order. */
export type Told = Extract<ClientEvent, { type: 'received' | 'shown' }>;

type Report = (
  kind: 'wrongly recovered' | 'wrongly not recovered',
  at: number,
  text: string,
) => void;

export function readLives(history: History, { events }: ClientRecord, report: Report) {
  const lives: Life[] = [];
  const told: Told[] = [];
  let lostAt: number | undefined;
  const unanswered = new Map<number, Extract<ClientEvent, { type: 'called' }>>();
  for (const event of events) {
    const life = lives.at(-1);
    const { at } = event;
    if (event.type === 'disconnected') lostAt ??= at;
    if (event.type === 'received' || event.type === 'shown') told.push(event);
    else if (event.type === 'called') {
      unanswered.set(event.request, event);
      if (life) asked(life, event);
    } else if (event.type === 'answered') {
      const request = unanswered.get(event.request);
      unanswered.delete(event.request);
      if (life && request && event.ok) granted(life, at, request);
    } else if (event.type === 'connected') {
      const { recovered, sid } = event;
      if (recovered && !life) report('wrongly recovered', at, 'it had no session');
      if (recovered && life && life.sid !== sid) {
        report('wrongly recovered', at, `as ${sid}, it was ${life.sid}`);
      }
      const forgotten = hasForgotten(history, lostAt ?? at, at);
      lostAt = undefined;
      if (recovered && life) continue;
      if (life?.durable && !forgotten)
        report('wrongly not recovered', at, `its session was ${life.sid}`);
      if (life) life.to = at;
      lives.push(beginLife(sid, at, unanswered.values()));
    }
  }
  return { lives, told };
}
