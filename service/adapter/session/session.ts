// The session of one socket of this process: its fields and their transitions, from the CONNECT
// packet to the end.
import assert from 'node:assert/strict';
import type { Socket } from 'socket.io';
import { type Envelope, type Id, noId, unknown } from '../delivery/envelope.ts';
import { everyone } from '../engine/names.ts';
import type { SessionInfo } from '../options.ts';
import type { Client } from '../socketio-internals.ts';
import type { Unconfirmed } from './unconfirmed.ts';

/**
 * `restoring`: claimed, and missed messages are being read. `open`: the connection is alive.
 * `closed`: the connection is gone. `lost`: another connection has claimed the session, and this
 * process must not write it any more.
 */
type Phase = 'restoring' | 'open' | 'closed' | 'lost';

export interface Session {
  /** The socket id, which a recovered session keeps. */
  readonly sid: string;
  user: string;
  /** The private session id. Unset until the socket is connected, and always without recovery. */
  pid: string | undefined;
  /** The fencing token. A process with a smaller one has lost the session. */
  epoch: number;
  phase: Phase;
  data: unknown;
  /** The data that was last saved, as JSON. */
  savedData: string | undefined;
  socket: Socket | undefined;
  client: Client | undefined;
  /** The position at which each room was joined. Earlier messages must not be replayed. */
  readonly joined: ReadonlyMap<string, Id>;
  /** Whether the engine has the session. If not, the next save writes all of it. */
  isStored: boolean;
  /** Rooms that were joined or left since the last save. */
  unsaved: Set<string> | undefined;
  /** Joins during an outage, whose position is estimated from the engine's clock. */
  estimates: Map<string, Estimate> | undefined;
  /** The id of the last written message. It only rises. */
  cursor: Id;
  /** Why messages are held: the socket is not connected yet, or a join is not complete. */
  holds: number;
  /** The held messages. `undefined` while messages are written at once. */
  held: Envelope[] | undefined;
  heldBytes: number;
  /** No later message was written: while messages are held, the client's offset may be later. */
  heldAfter: Id | undefined;
  /** Missed messages, written once the socket is connected. */
  replay: Envelope[];
  /** `replay` is complete up to this position. */
  replayedUpTo: Id;
  /** Direct packets that the client may not have read; during a restore, those to write again. */
  unconfirmed: Unconfirmed | undefined;
  /**
   * Everything up to this id has arrived at the client. `undefined` after a claim until the client
   * answers.
   */
  confirmed: Id | undefined;
  /** When the connection was lost, by `performance.now()`. */
  closedAt: number;
  /** Subscriptions and positions that the next save waits for. */
  pending: Promise<unknown>[];
  /** Settles with the last save. The next one waits for it. */
  saved: Promise<unknown>;
}

export interface Estimate {
  /** When the room was joined, by `performance.now()`. */
  atMs: number;
  /** The newest message that the process had received: a safe position, but possibly an old one. */
  seen: Id;
  /** The position at which another process has requested the join. */
  requestedAt?: Id | undefined;
}

export function createSession(sid: string): Session {
  return {
    sid,
    user: '',
    pid: undefined,
    epoch: 1,
    phase: 'open',
    data: {},
    savedData: undefined,
    socket: undefined,
    client: undefined,
    joined: new Map(),
    isStored: false,
    unsaved: undefined,
    estimates: undefined,
    cursor: unknown,
    holds: 1,
    held: [],
    heldBytes: 0,
    heldAfter: undefined,
    replay: [],
    replayedUpTo: unknown,
    unconfirmed: undefined,
    confirmed: noId,
    closedAt: 0,
    pending: [],
    saved: Promise.resolve(),
  };
}

/** A session that a connection has claimed. It holds messages until it is restored. */
export function createClaimedSession(
  sid: string,
  claimed: Required<Pick<Session, 'pid' | 'user' | 'epoch' | 'data' | 'client'>> & {
    joined: Iterable<[string, Id]>;
  },
): Session {
  const { joined, ...fields } = claimed;
  const started = { phase: 'restoring', confirmed: undefined, isStored: true } as const;
  return { ...createSession(sid), ...fields, ...started, joined: new Map(joined) };
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

/**
 * The missed messages are known. The socket may be created.
 * @param received the last message that the client has received
 * @param unread the direct packets that it has not
 */
export function restored(
  session: Session,
  replay: Envelope[],
  received: Id,
  unread: Unconfirmed,
): void {
  assert.equal(session.phase, 'restoring');
  session.replay = replay;
  session.cursor = received;
  session.unconfirmed = unread;
  enter(session, 'open');
}

/** The socket is connected. It may be written to after the replay. */
export function connected(
  session: Session,
  fields: Required<Pick<Session, 'socket' | 'client' | 'data' | 'user'>> & Pick<Session, 'pid'>,
): void {
  assert(session.held, 'a session connects once');
  Object.assign(session, { ...fields, pid: fields.pid ?? session.pid });
  enter(session, 'open');
}

/** Holds messages until `release`. @param after the last message that was written */
export function hold(session: Session, after: Id): void {
  session.holds += 1;
  session.held ??= [];
  session.heldAfter ??= after;
}

/** Returns the held messages if nothing else holds them. From now on messages are written. */
export function release(session: Session): Envelope[] {
  assert(session.held && session.holds > 0, 'messages are held');
  session.holds -= 1;
  if (session.holds > 0) return [];
  const { held } = session;
  session.held = undefined;
  session.heldBytes = 0;
  session.heldAfter = undefined;
  return held;
}

/** The connection is gone. The client may reconnect. */
export function closed(session: Session, data = session.data): void {
  session.data = data;
  session.closedAt = performance.now();
  enter(session, 'closed');
}

/** Everything up to an id has arrived at the client, so its loss is over. */
export function confirm(session: Session, upTo: Id): void {
  if (session.confirmed === undefined || session.confirmed < upTo) session.confirmed = upTo;
}

/** Another connection has the session. */
export function lost(session: Session): void {
  enter(session, 'lost');
}

/** Whether the session must no longer be written to or saved. */
export const isOver = ({ phase }: Session) => phase === 'closed' || phase === 'lost';

/** Sets the position of a join. */
export function setPosition(session: Session, room: string, id: Id): void {
  (session.joined as Map<string, Id>).set(room, id);
  noteUnsaved(session, room);
}

/** Raises the position of a join, unless the room was left. */
export function raisePosition(session: Session, room: string, id: Id): void {
  const position = session.joined.get(room);
  if (position !== undefined && position < id) setPosition(session, room, id);
}

export function leaveRoom(session: Session, room: string): void {
  (session.joined as Map<string, Id>).delete(room);
  noteUnsaved(session, room);
}

function noteUnsaved(session: Session, room: string): void {
  if (!session.isStored) return;
  session.unsaved ??= new Set();
  session.unsaved.add(room);
}

/** The session as the listener sees it. */
export const infoOf = (session: Session, namespace: string): SessionInfo => ({
  namespace,
  sid: session.sid,
  user: session.user,
  epoch: session.epoch,
  rooms: () => [...roomsOf(session, everyone)],
});

/** The rooms of a session without the pseudo-room of the namespace. */
export const roomsOf = ({ joined }: Session, everyone: string): Set<string> =>
  new Set([...joined.keys()].filter((room) => room !== everyone));
