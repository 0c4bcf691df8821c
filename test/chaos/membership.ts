// In which rooms a client was, may have been, or was not, derived from requests and answers.
import type { ClientEvent } from './history.ts';

export type State = 'no' | 'may' | 'yes';

/** The membership of a session in one room; a segment lasts until the next one starts. */
interface Segment {
  from: number;
  state: State;
}

type Request = Extract<ClientEvent, { type: 'called' }>;

/** A session begins with a connect that did not recover and ends with the next one. */
export interface Life {
  sid: string;
  from: number;
  to: number;
  /** A request was granted: the session is in Redis and must be recovered from then on. */
  durable: boolean;
  /** From when something may have ended it, and by when something certainly has. */
  mayEnd: number;
  mustEnd: number;
  /** Redis forgot it, and its pod may have stored it again without anybody to claim it. */
  mayLinger: boolean;
  rooms: Map<string, Segment[]>;
  /** The latest request for each room, answered or not. */
  latest: Map<string, Request>;
}

/** @param unanswered requests of the previous session, which may take effect in this one */
export function beginLife(sid: string, from: number, unanswered: Iterable<Request>): Life {
  const ends = { to: Infinity, mayEnd: Infinity, mustEnd: Infinity, mayLinger: false };
  const start = { sid, from, durable: false, ...ends };
  const life: Life = { ...start, rooms: new Map(), latest: new Map() };
  for (const request of unanswered) asked(life, { ...request, at: from });
  return life;
}

/** From the call on the outcome is unknown. */
export function asked(life: Life, request: Request): void {
  const { at, action, room } = request;
  life.latest.set(room, request);
  const before = stateAt(life, room, at);
  const wanted = action === 'join' ? 'yes' : 'no';
  if (before !== wanted) turn(life, room, at, 'may');
}

/**
 * A later answer settles earlier requests: those of one connection run in order, and a connection
 * that lost its session changes nothing any more. A later request that was called before this
 * answer stays unknown, even if it is never answered.
 */
export function granted(life: Life, at: number, { action, room, request }: Request): void {
  if (action === 'join') life.durable = true;
  const latest = life.latest.get(room);
  const isOpen = latest && latest.request > request && latest.action !== action;
  turn(life, room, at, isOpen ? 'may' : action === 'join' ? 'yes' : 'no');
}

function turn({ rooms }: Life, room: string, from: number, state: State): void {
  rooms.set(room, [...(rooms.get(room) ?? []), { from, state }]);
}

export function stateAt({ rooms }: Life, room: string, at: number): State {
  return rooms.get(room)?.findLast(({ from }) => from <= at)?.state ?? 'no';
}

/** Whether it was certainly in this state from `from` to `to`. */
export function throughout(life: Life, room: string, from: number, to: number, state: State) {
  if (from < life.from || to > life.to || stateAt(life, room, from) !== state) return false;
  const inside = (life.rooms.get(room) ?? []).filter((at) => at.from > from && at.from <= to);
  return inside.every((segment) => segment.state === state);
}

/** Whether it may have been a member at some point in between; a pod may lag by `lagged`. */
export function possiblyBetween(
  life: Life,
  room: string,
  { from, to }: { from: number; to: number },
  lagged: (at: number) => number,
): boolean {
  const segments = life.rooms.get(room) ?? [];
  return segments.some(({ state, from: start }, i) => {
    const end = segments[i + 1]?.from ?? Infinity;
    return state !== 'no' && lagged(start) <= to && end >= from;
  });
}

/** Whether it may have been a member in between; a session may outlive its client. */
export function mayBeIn(life: Life, room: string, from: number, to: number): boolean {
  if (life.from > to) return false;
  if (stateAt(life, room, from) !== 'no') return true;
  const inside = (life.rooms.get(room) ?? []).filter((at) => at.from > from && at.from <= to);
  return inside.some(({ state }) => state !== 'no');
}
