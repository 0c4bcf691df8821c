// One socket of this process, from its CONNECT packet to its end.
import type { Socket } from 'socket.io';
import type { Entry, Id } from '../delivery/envelope.ts';

/** What is used of Socket.IO's client, the connection that several namespaces share. */
export interface Client {
  conn: { readyState: string; close(): void };
  close(): void;
  onclose(reason: string): void;
}

/** After every id: where a room was joined while nobody could tell the position. */
export const notYet: Id = '9999999999999999';

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
