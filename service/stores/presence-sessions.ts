// Follows the sessions of this process, and keeps their memberships stored.
import type { SessionInfo, SessionListener } from '../adapter/index.ts';
import { userOf } from '../protocol/identity.ts';
import { roomName } from '../protocol/rooms.ts';
import type { Entry, SessionWrites } from './session-writes.ts';

const presenceNamespace = '/'; // as for publishing to rooms

/**
 * @param entries the sessions of this process, by socket id
 * @param recoveryMs how long a session can be recovered; 0: not at all
 */
export function createPresenceSessions(
  entries: Map<string, Entry>,
  writes: SessionWrites,
  recoveryMs: number,
): SessionListener {
  const open = (session: SessionInfo, state: Entry['state']): Entry => {
    const entry = entryOf(session, state);
    entries.set(session.sid, entry);
    return entry;
  };
  const find = ({ sid, epoch }: Pick<SessionInfo, 'sid' | 'epoch'>): Entry | undefined => {
    const entry = entries.get(sid);
    return entry?.epoch === epoch ? entry : undefined;
  };
  const writeSoon = (entry: Entry) => void writes.mark(entry).catch(() => {}); // it is retried
  const close = async (session: SessionInfo, state: 'waiting' | 'ended') => {
    const known = find(session);
    const isClaimed = (entries.get(session.sid)?.epoch ?? 0) > session.epoch; // here, meanwhile
    if (isClaimed || (!known && session.epoch === 1)) return; // it never connected, or is written
    const entry = known ?? open(session, state); // a restore that failed opened none
    entry.state = state;
    await writes.mark(entry);
  };

  return {
    opened(session) {
      const entry = open(session, 'live');
      if (entry.rooms().length > 0) writeSoon(entry);
    },
    claimed: async (session) => (await writes.mark(open(session, 'claimed'))) === 'ok',
    changed(session) {
      const entry = find(session);
      if (entry) writeSoon(entry);
    },
    released(session) {
      close(session, recoveryMs > 0 ? 'waiting' : 'ended').catch(() => {}); // it is retried
    },
    ended: (session) => close(session, 'ended'),
    lost(session) {
      if (find(session)) entries.delete(session.sid);
    },
  };
}

const nothing: ReadonlyMap<string, string> = new Map();

function entryOf(session: SessionInfo, state: Entry['state']): Entry {
  const { sid, epoch, user: owner, namespace } = session;
  const prefix = roomName('');
  const changing = new Set<string>();
  const rooms = () =>
    session.rooms().flatMap((room) => {
      const roomId = room.slice(prefix.length);
      return room.startsWith(prefix) && !changing.has(roomId) ? [roomId] : [];
    });
  return {
    sid,
    epoch,
    owner,
    userId: userOf(owner),
    state,
    rooms: namespace === presenceNamespace ? rooms : () => [],
    changing,
    presences: epoch > 1 ? undefined : nothing,
    written: new Map(),
    isUncertain: epoch > 1,
    underWay: 0,
  };
}
