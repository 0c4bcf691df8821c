// Restores a session: claims it, holds live messages, and reads the missed ones from the logs.
import { Envelope, type Id } from '../delivery/envelope.ts';
import { parseOffset } from '../delivery/offset.ts';
import { EngineUnavailable } from '../engine/engine.ts';
import { everyone } from '../engine/names.ts';
import type { RestoreResult } from '../options.ts';
import type { Connect } from '../session/connect-hook.ts';
import {
  createClaimedSession,
  infoOf,
  leaveRoom,
  restored,
  roomsOf,
  type Session,
} from '../session/session.ts';
import type { Claim, SessionStore } from '../session/session-store.ts';
import type { SessionWriter } from '../session/session-writer.ts';
import { fromStored, type Unconfirmed, unreadOf, waiting } from '../session/unconfirmed.ts';
import type { Channels } from './channels.ts';
import { messagesOf } from './log-part.ts';
import type { Stream } from './stream.ts';

/** The members of an adapter that a restore uses. */
export interface RestoreHost {
  readonly nsp: { readonly name: string };
  readonly stream: Stream;
  readonly store: SessionStore;
  readonly writer: Pick<SessionWriter, 'released'>;
  readonly sessions: Map<string, Session>;
  readonly channels: Channels;
  /** Registers a claimed session. */
  own(session: Session): void;
  addAll(sid: string, rooms: Set<string>): Promise<void>;
  /** Closes a connection that lost its session to a newer one. */
  retire(session: Session): void;
  /** Undoes a failed restore. A `useless` session is deleted; others may be restored later. */
  abandon(session: Session, useless: boolean): void;
}

/** The values from which Socket.IO creates a recovered socket. */
export interface Restored {
  sid: string;
  pid: string;
  rooms: string[];
  data: unknown;
  missedPackets: unknown[][];
}

/**
 * Resolves to `null` if the session cannot be recovered. If the engine is down or too slow, it
 * closes the transport instead, because a client that gets a new session discards its offset.
 */
export async function restore(
  host: RestoreHost,
  pid: string,
  offset: string,
  connect: Connect,
): Promise<Restored | null> {
  const { stream } = host;
  const { observer, restoreMsMax, trail } = stream.options;
  const { conn } = connect.client;
  if (conn.readyState !== 'open') return null;
  const withinTime = async () => {
    const over = new AbortController();
    const timer = setTimeout(() => {
      observer.limitReached('restore_ms');
      conn.close();
      over.abort(new EngineUnavailable('Timed out waiting to read the logs'));
    }, restoreMsMax);
    try {
      return await attempt(host, { pid, offset, connect, signal: over.signal });
    } finally {
      clearTimeout(timer);
    }
  };
  let result: RestoreResult;
  try {
    // The time in the queue does not count: after a rollout, thousands of clients wait their turn.
    result = await stream.restores(withinTime);
  } catch (error) {
    observer.failed('restore', error);
    result = 'postponed';
    conn.close();
  }
  if (result === 'too_much') observer.limitReached('replay');
  if (result === 'limited') observer.limitReached('takeovers');
  const { session } = connect;
  if (result === 'recovered' && conn.readyState !== 'open') result = 'postponed';
  if (result === 'postponed') conn.close(); // the client tries again
  observer.restoreEnded(result);
  if (trail.active) {
    const { user = '' } = connect;
    const { replay = [], unconfirmed = waiting([]) } = session ?? {};
    const replayed = result === 'recovered' ? replay.length + unconfirmed.packets.length : 0;
    const about = { namespace: host.nsp.name, user, pid, sid: session?.sid };
    trail.restored({ ...about, offset, result, replayed });
  }
  if (result === 'recovered' && session) {
    const rooms = [...roomsOf(session, everyone)];
    return { sid: session.sid, pid, rooms, data: session.data, missedPackets: [] };
  }
  if (session) host.abandon(session, result !== 'postponed');
  return null;
}

interface Attempt {
  pid: string;
  offset: string;
  connect: Connect;
  /** Aborted when the time is over. */
  signal: AbortSignal;
}

async function attempt(
  host: RestoreHost,
  { pid, offset, connect, signal }: Attempt,
): Promise<RestoreResult> {
  const { stream, store, sessions, channels } = host;
  const { client, user = '' } = connect;
  await stream.live();
  if (client.conn.readyState !== 'open') return 'postponed'; // the client gave up
  const claim = await store.claim({ pid, user });
  if (!claim.ok) return claim.why;
  const { epoch, state, joined, highWatermark } = claim;
  const { sid, data } = state;
  const known = sessions.get(sid);
  const unconfirmed = unconfirmedOf(claim, known ?? host.writer.released(pid));
  if (known) host.retire(known);

  const session = createClaimedSession(sid, { pid, user, epoch, data, client, joined });
  connect.session = session;
  host.own(session);
  session.unconfirmed = unconfirmed; // for the next connection, if this one fails
  const received = parseOffset(offset);
  if (!received || received.id > highWatermark) return 'future';
  if (stream.stock.mayMiss(received.id)) return 'trimmed';
  if (state.heldAfter && received.id > state.heldAfter) received.id = state.heldAfter;
  const isHigher = !state.heldAfter && claim.received > received.id;
  const position = isHigher ? claim.received : received.id;
  const unread = unconfirmed ? unreadOf(unconfirmed, received) : [];
  if (!unread) {
    stream.options.observer.limitReached('unconfirmed');
    return 'trimmed';
  }
  if (!session.joined.has(everyone)) return 'unknown'; // it would miss messages to the namespace
  await leaveRefused(host, session, connect);
  if (sessions.get(sid) !== session) return 'postponed'; // claimed by another connection meanwhile
  void host.addAll(sid, roomsOf(session, everyone)); // from now on live messages are held

  const claimed = stream.options.sessions.claimed(infoOf(session, host.nsp.name));
  const [allowed] = await Promise.all([claimed, ...session.pending.splice(0)]);
  if (!allowed) return 'refused';
  const upTo = await stream.position(); // after every subscription
  if (!stream.isLive()) throw new EngineUnavailable('The engine went down during the restore');
  session.replayedUpTo = upTo;
  channels.restoredTo(session.joined.keys(), upTo);
  const sources = [...session.joined].map(([room, joinedAt]) => ({
    log: channels.logOf(room),
    after: joinedAt > position ? joinedAt : position,
  }));
  const missed = await stream.reads(() => readMissed(stream, sources, upTo), signal);
  if (typeof missed === 'string') return missed;
  // Another connection may have claimed the session meanwhile. The newest wins.
  if (sessions.get(sid) !== session) return 'postponed';
  restored(session, missed, received.id, waiting(unread));
  stream.numbers.raise(Math.max(received.number ?? 0, unread.at(-1)?.number ?? 0));
  return 'recovered';
}

/** What the last owner of a session has written to it, and its client may not have read. */
function unconfirmedOf(
  { epoch, state }: Claim & { ok: true },
  known: Session | undefined,
): Unconfirmed | undefined {
  if (known?.epoch === epoch - 1) return known.unconfirmed;
  return state.unconfirmed && fromStored(state.unconfirmed);
}

/** Removes the rooms that the client may not rejoin, before it joins them or misses anything. */
async function leaveRefused(
  { stream, nsp }: RestoreHost,
  session: Session,
  { auth }: Connect,
): Promise<void> {
  const rooms = [...roomsOf(session, everyone)];
  const admitted = new Set(await stream.options.admit(auth, rooms, nsp.name));
  for (const room of rooms) if (!admitted.has(room)) leaveRoom(session, room);
}

/** Reads the messages of several rooms up to an id, in publish order. */
async function readMissed(
  { engine, options }: Stream,
  sources: { log: string; after: Id }[],
  upTo: Id,
): Promise<Envelope[] | 'trimmed' | 'too_much' | 'unreadable'> {
  const { replayMessagesMax: messagesMax, replayBytesMax: bytesMax } = options;
  const parts = await engine.readLogs(sources, { messagesMax, bytesMax, upTo });
  const missed = new Map<Id, Buffer>(); // a message to several rooms is in several logs
  for (const [i, part] of parts.entries()) {
    const messages = messagesOf(part, options.observer.unreadable);
    if (typeof messages === 'string') return messages;
    const { after } = sources[i] as { after: Id };
    for (const { id, payload } of messages) {
      if (id > after && id <= upTo) missed.set(id, payload);
    }
  }
  const bytes = [...missed.values()].reduce((sum, { length }) => sum + length, 0);
  if (missed.size > messagesMax || bytes > bytesMax) return 'too_much';
  return [...missed]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([id, payload]) => new Envelope(id, payload, id));
}
