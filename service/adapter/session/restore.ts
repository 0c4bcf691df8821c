// Taking a session over from wherever it was: claim it, hold what arrives, read what was missed.

import { Entry, type Id, isId, noId } from '../delivery/envelope.ts';
import type { RestoreResult } from '../options.ts';
import { RedisUnavailable } from '../redis/connections.ts';
import { everyone } from '../stream/channels.ts';
import { readLogs } from '../stream/log-reader.ts';
import type { Hub } from '../stream/stream.ts';
import type { Handshake } from './connect-hook.ts';
import { newSession, type Session } from './session.ts';
import { claim } from './session-store.ts';

/** The part of an adapter that a restore needs. */
export interface RestoreHost {
  readonly hub: Hub;
  readonly nsp: { readonly name: string };
  readonly sessions: Map<string, Session>;
  readonly channels: { logOf(room: string): string };
  addAll(sid: string, rooms: Set<string>): Promise<void>;
  retire(session: Session): void;
  abandon(session: Session, useless: boolean): void;
}

/** What Socket.IO makes a recovered socket of. */
export interface Restored {
  sid: string;
  pid: string;
  rooms: string[];
  data: unknown;
  missedPackets: unknown[][];
}

/**
 * Resolves to nothing when the session cannot be recovered. While Redis is away or slow it closes
 * the transport instead: a fresh session would make the client forget what it has missed.
 */
export async function restore(
  adapter: RestoreHost,
  pid: string,
  offset: string,
  handshake: Handshake,
): Promise<Restored | null> {
  const { hub } = adapter;
  const { observer, restoreMsMax, trail } = hub.options;
  const { conn } = handshake.client;
  if (conn.readyState !== 'open') return null;
  const over = new AbortController();
  const timer = setTimeout(() => {
    observer.limitReached('restore_ms');
    conn.close();
    over.abort(new RedisUnavailable('other restores did not end'));
  }, restoreMsMax);
  let result: RestoreResult;
  try {
    result = await hub.restoring(() => attempt(adapter, pid, offset, handshake), over.signal);
  } catch (error) {
    observer.failed('restore', error);
    result = 'postponed';
    conn.close();
  } finally {
    clearTimeout(timer);
  }
  if (result === 'too_much') observer.limitReached('replay');
  if (result === 'limited') observer.limitReached('takeovers');
  const { session } = handshake;
  if (result === 'recovered' && conn.readyState !== 'open') result = 'postponed';
  observer.restoreEnded(result);
  if (trail.active) {
    const { user = '' } = handshake;
    const replayed = result === 'recovered' ? (session?.replay.length ?? 0) : 0;
    const about = { namespace: adapter.nsp.name, user, pid, sid: session?.sid };
    trail.restored({ ...about, offset, result, replayed });
  }
  if (result === 'recovered' && session) {
    session.phase = 'open';
    const rooms = [...roomsOf(session)];
    return { sid: session.sid, pid, rooms, data: session.data, missedPackets: [] };
  }
  if (session) adapter.abandon(session, result !== 'postponed');
  return null;
}

async function attempt(
  adapter: RestoreHost,
  pid: string,
  offset: string,
  handshake: Handshake,
): Promise<RestoreResult> {
  const { hub, sessions } = adapter;
  const { client, user = '' } = handshake;
  await hub.live();
  if (client.conn.readyState !== 'open') return 'postponed'; // it has waited too long
  const claimed = await claim(hub, adapter.nsp.name, pid, user);
  if (!claimed.ok) return claimed.why;
  const { state, sequence, floor } = claimed;
  const known = sessions.get(state.sid);
  if (known) adapter.retire(known);

  const session = newSession(state.sid, user);
  Object.assign(session, { pid, client, epoch: claimed.epoch, data: state.data });
  session.phase = 'restoring';
  session.joined = new Map(state.joined);
  handshake.session = session;
  sessions.set(session.sid, session);
  const position = isId(offset) ? offset : noId;
  if (position > sequence) return 'future';
  if (!session.joined.has(everyone)) return 'unknown'; // it would miss what is for everybody
  void adapter.addAll(session.sid, roomsOf(session)); // from here on what arrives is held

  await Promise.all(session.underWay.splice(0));
  session.cut = (await hub.connections.get(hub.keys.sequence)) ?? noId; // after every SUBSCRIBE
  if (!hub.isLive()) throw new RedisUnavailable('Redis went away meanwhile');
  hub.seen(session.cut, undefined); // no message that it is shown now may have a smaller offset
  const after = (joinedAt: Id) => (joinedAt > position ? joinedAt : position);
  const joined = [...session.joined];
  if (joined.some(([, joinedAt]) => after(joinedAt) < floor)) return 'trimmed';
  const sources = joined.map(([room, joinedAt]) => ({
    log: adapter.channels.logOf(room),
    after: after(joinedAt),
  }));
  const missed = await missedEntries(hub, sources, session.cut);
  if (typeof missed === 'string') return missed;
  session.replay = missed;
  // Somebody else may have claimed it meanwhile; the newest wins.
  return sessions.get(session.sid) === session ? 'recovered' : 'postponed';
}

function roomsOf({ joined }: Session): Set<string> {
  return new Set([...joined.keys()].filter((room) => room !== everyone));
}

async function missedEntries(
  hub: Hub,
  sources: { log: string; after: Id }[],
  cut: Id,
): Promise<Entry[] | 'trimmed' | 'too_much'> {
  const { replayMessagesMax: messagesMax, replayBytesMax: bytesMax } = hub.options;
  const read = await readLogs(hub.connections, sources, cut, { messagesMax, bytesMax });
  const [failed] = read.failed;
  if (failed) return failed.why;
  const entries: Entry[] = [];
  let bytes = 0;
  for (const { id, payload } of read.entries) {
    if (entries.at(-1)?.id === id) continue; // of several rooms
    entries.push(new Entry(id, payload, id));
    bytes += payload.length;
  }
  return entries.length > messagesMax || bytes > bytesMax ? 'too_much' : entries;
}
