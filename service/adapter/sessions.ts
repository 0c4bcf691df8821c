// What Redis knows of each socket, written while it lives, so that any process can take it over.
import type { Socket } from 'socket.io';
import type { Clock } from './clock.ts';
import type { Entry, Id } from './entry.ts';
import type { Client } from './handshake.ts';
import type { Hub } from './hub.ts';
import type { RestoreResult } from './options.ts';
import { claimSession, deleteSession, saveSession } from './scripts.ts';

/** One socket of this process. */
export interface Session {
  sid: string;
  user: string;
  /** Unknown until it is connected, and without recovery for ever. */
  pid?: string;
  /** Which claim this is; a process with an older one has lost the session. */
  epoch: number;
  /** The position at which each room was joined: nothing before it may be replayed. */
  joined: Map<string, Id>;
  /** Of these Redis did not tell the position: its clock did. */
  estimates: Map<string, Estimate>;
  /** The last message that was written; strictly rising. */
  cursor: Id;
  /** What has arrived while the socket is not connected yet; `undefined`: write at once. */
  held: Entry[] | undefined;
  heldBytes: number;
  replay: Entry[];
  /** Up to where `replay` goes. */
  cut: Id;
  data: unknown;
  socket?: Socket;
  client?: Client;
  /** Subscriptions and positions that a write has to wait for. */
  underWay: Promise<unknown>[];
  /** The last write, done or failed: the next one follows it. */
  written: Promise<unknown>;
  /** `lost`: another process or connection has it, and this one must not write any more. */
  phase: 'restoring' | 'open' | 'closed' | 'lost';
}

export function newSession(sid: string, user = ''): Session {
  return {
    sid,
    user,
    epoch: 1,
    joined: new Map(),
    estimates: new Map(),
    cursor: '',
    held: [],
    heldBytes: 0,
    replay: [],
    cut: '',
    data: {},
    underWay: [],
    written: Promise.resolve(),
    phase: 'open',
  };
}

export interface Estimate {
  /** When the room was joined, by `performance.now()`. */
  atMs: number;
  /** What the process had seen then: a position that loses nothing, but may be old. */
  seen: Id;
}

export function raise({ joined }: Session, room: string, id: Id): void {
  const position = joined.get(room);
  if (position !== undefined && position < id) joined.set(room, id);
}

/** The position of a join that Redis could not be asked for. */
export function estimate(session: Session, room: string, made: Estimate, clock: Clock): void {
  raise(session, room, clock.before(made.atMs));
  session.estimates.set(room, made);
}

/** Redis's clock, measured again, may be behind what it was taken for: after a failover, say. */
export function correct({ joined, estimates }: Session, clock: Clock): void {
  for (const [room, { atMs, seen }] of estimates) {
    const position = joined.get(room);
    if (position !== undefined && clock.isBehind(position, atMs)) joined.set(room, seen);
  }
}

export type Claim =
  | { ok: true; epoch: number; state: State; sequence: Id; floor: Id }
  | { ok: false; why: Extract<RestoreResult, 'unknown' | 'expired' | 'refused' | 'limited'> };

interface State {
  sid: string;
  joined: [string, Id][];
  data: unknown;
}

/** A session, and the set of all sessions of its user. */
function keysOf(hub: Hub, namespace: string, pid: string, user: string): string[] {
  const prefix = `${hub.prefix}:${namespace}:`;
  return [`${prefix}session:${pid}`, `${prefix}sessions:${user}`];
}

/** Resolves to false when somebody else has claimed the session. */
export function write(hub: Hub, namespace: string, session: Session, gone: boolean) {
  return inTurn(session, () => writeNow(hub, namespace, session, gone));
}

/** After the writes before it. */
function inTurn<T>(session: Session, act: () => Promise<T>): Promise<T> {
  const done = session.written.then(act);
  session.written = done.catch(() => {});
  return done;
}

async function writeNow(
  hub: Hub,
  namespace: string,
  session: Session,
  gone: boolean,
): Promise<boolean> {
  if (!session.pid) return true;
  await Promise.all(session.underWay.splice(0));
  const { sid, joined, pid, epoch, user } = session;
  const { data } = session.socket ?? session; // an application may put another object there
  if (gone) correct(session, hub.clock); // nobody else does
  const state = JSON.stringify({ sid, joined: [...joined], data } satisfies State);
  const { sessionMsMax, sessionsPerUserMax, observer } = hub.options;
  const ms = gone ? hub.logMs : sessionMsMax; // past the window it is known as expired
  const limits = [ms, gone ? '1' : '', sessionsPerUserMax, sessionMsMax];
  const args = [epoch, user, hub.processId, state, ...limits].map(String);
  const answer = await hub.connections.run(saveSession, keysOf(hub, namespace, pid, user), args);
  if (Number(answer) > 1) observer.limitReached('sessions_per_user');
  return Number(answer) > 0;
}

/** After what is still being written, which would bring it back. */
export async function remove(hub: Hub, namespace: string, session: Session): Promise<void> {
  const { pid, user, epoch } = session;
  if (!pid) return;
  const keys = keysOf(hub, namespace, pid, user);
  await inTurn(session, () => hub.connections.run(deleteSession, keys, [String(epoch)]));
}

export async function claim(hub: Hub, namespace: string, pid: string, user: string) {
  const { sequence, floor, processes } = hub.keys;
  const notice = JSON.stringify({ namespace, pid });
  const [key = ''] = keysOf(hub, namespace, pid, user);
  const [outcome, epoch, state, last, lowest] = (await hub.connections.run(
    claimSession,
    [key, sequence, floor],
    [user, hub.processId, `${hub.windowMs}`, processes, notice, `${hub.options.takeoversMax}`],
  )) as [string, string, string, Id, Id];
  if (outcome !== 'ok') return { ok: false, why: outcome } as Claim;
  const parsed = JSON.parse(state) as State;
  return { ok: true, epoch: +epoch, state: parsed, sequence: last, floor: lowest } as Claim;
}
