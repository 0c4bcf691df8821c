// One socket of this process, from its CONNECT packet to its end.
import type { Socket } from 'socket.io';
import type { Entry, Id } from '../delivery/envelope.ts';
import type { Clock } from '../stream/clock.ts';

/** What is used of Socket.IO's client, the connection that several namespaces share. */
export interface Client {
  conn: { readyState: string; close(): void };
  close(): void;
  onclose(reason: string): void;
}

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
  raise(session, room, clock.boundAt(made.atMs));
  session.estimates.set(room, made);
}

/** Redis's clock, measured again, may be behind what it was taken for: after a failover, say. */
export function correct({ joined, estimates }: Session, clock: Clock): void {
  for (const [room, { atMs, seen }] of estimates) {
    const position = joined.get(room);
    if (position === undefined) continue;
    const bound = clock.boundAt(atMs);
    if (bound < position) joined.set(room, bound > seen ? bound : seen);
  }
}
