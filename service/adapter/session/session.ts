// One socket of this process, from its CONNECT packet to its end: what it holds, and how it
// changes.
import assert from 'node:assert/strict';
import type { Socket } from 'socket.io';
import { type Envelope, type Id, unknown } from '../delivery/envelope.ts';
import type { Client } from '../socketio-internals.ts';

/**
 * `restoring`: claimed, and what was missed is being read. `open`: its connection is alive.
 * `closed`: its connection is gone. `lost`: another connection has the session, and this one must
 * not write it any more.
 */
type Phase = 'restoring' | 'open' | 'closed' | 'lost';

export interface Session {
  /** The socket id, which a recovered session keeps. */
  readonly sid: string;
  user: string;
  /** The private session id: known once the socket is connected, and never without recovery. */
  pid: string | undefined;
  /** The fencing token: a process with an older one has lost the session. */
  epoch: number;
  phase: Phase;
  data: unknown;
  socket: Socket | undefined;
  client: Client | undefined;
  /** The position at which each room was joined: nothing before it may be replayed. */
  readonly joined: Map<string, Id>;
  /** Joins whose position comes from the engine's clock, since the engine could not be asked. */
  readonly estimates: Map<string, Estimate>;
  /** The last message that was written; it only rises. */
  cursor: Id;
  /** What arrives before the socket is connected; `undefined`: write at once. */
  held: Envelope[] | undefined;
  heldBytes: number;
  /** What was missed, to be written when the socket is connected. */
  replay: Envelope[];
  /** Everything up to this position is in `replay`. */
  replayedUpTo: Id;
  /** Subscriptions and positions that the next save has to wait for. */
  pending: Promise<unknown>[];
  /** The last save, done or failed: the next one follows it. */
  saved: Promise<unknown>;
}

export interface Estimate {
  /** When the room was joined, by `performance.now()`. */
  atMs: number;
  /** The newest message that the process had seen: it loses nothing, but may be old. */
  seen: Id;
}

export function createSession(sid: string): Session {
  return {
    sid,
    user: '',
    pid: undefined,
    epoch: 1,
    phase: 'open',
    data: {},
    socket: undefined,
    client: undefined,
    joined: new Map(),
    estimates: new Map(),
    cursor: unknown,
    held: [],
    heldBytes: 0,
    replay: [],
    replayedUpTo: unknown,
    pending: [],
    saved: Promise.resolve(),
  };
}

/** A session that a connection claimed: it holds messages back until it is restored. */
export function createClaimedSession(
  sid: string,
  claimed: Required<Pick<Session, 'pid' | 'user' | 'epoch' | 'data' | 'client'>> & {
    joined: Iterable<[string, Id]>;
  },
): Session {
  const { joined, ...fields } = claimed;
  const session: Session = { ...createSession(sid), ...fields, phase: 'restoring' };
  for (const [room, position] of joined) session.joined.set(room, position);
  return session;
}

const successors: Record<Phase, Phase[]> = {
  restoring: ['open', 'closed', 'lost'],
  open: ['open', 'closed', 'lost'],
  closed: ['lost'],
  lost: [],
};

function enter(session: Session, phase: Phase): void {
  assert(successors[session.phase].includes(phase), `a ${session.phase} session became ${phase}`);
  session.phase = phase;
}

/** What was missed is read; the socket may be made. */
export function restored(session: Session, replay: Envelope[]): void {
  assert.equal(session.phase, 'restoring');
  session.replay = replay;
  enter(session, 'open');
}

/** The socket is connected, and may be written to after its replay. */
export function connected(
  session: Session,
  fields: Required<Pick<Session, 'socket' | 'client' | 'data' | 'user'>> & Pick<Session, 'pid'>,
): void {
  assert(session.held, 'a session connects once');
  Object.assign(session, { ...fields, pid: fields.pid ?? session.pid });
  enter(session, 'open');
}

/** The connection is gone; its client may come back. */
export function closed(session: Session, data = session.data): void {
  session.data = data;
  enter(session, 'closed');
}

/** Another connection has the session. */
export function lost(session: Session): void {
  enter(session, 'lost');
}

/** The session has the connection no more, neither for writing nor for saving. */
export const isOver = ({ phase }: Session) => phase === 'closed' || phase === 'lost';

/** Raises the position of a join, unless the room was left. */
export function raisePosition({ joined }: Session, room: string, id: Id): void {
  const position = joined.get(room);
  if (position !== undefined && position < id) joined.set(room, id);
}

/** The rooms of a session without the pseudo-room of the namespace. */
export const roomsOf = ({ joined }: Session, everyone: string): Set<string> =>
  new Set([...joined.keys()].filter((room) => room !== everyone));
