// The rooms of one namespace as channels and logs: a process listens to the rooms it has members
// in, and each member knows from which position on.
import { type Members, targetOf } from '../delivery/delivery.ts';
import { Entry, type Id, noId, unknown } from '../delivery/envelope.ts';
import { correct, type Estimate, estimate, raise, type Session } from '../session/session.ts';
import type { CatchUpSource } from './catch-up.ts';
import type { Hub } from './stream.ts';

/** The pseudo-room of all sockets of a namespace. */
export const everyone = '*';
/** All rooms that look like a socket's own share a channel; else every connect subscribes. */
export const isDirect = (room: string) => /^[\w-]{20}$/.test(room);
/** Stands for any of them. */
export const anyDirect = '-'.repeat(20);

export type Channels = ReturnType<typeof openChannels>;

export function openChannels(hub: Hub, members: Members) {
  const { subscriptions, options } = hub;
  const { direct, logOf, channelOf } = namesOf(`${hub.prefix}:${members.nsp.name}:`);
  const sidsOf = (room: string): Iterable<string> =>
    (room === everyone ? members.sids.keys() : members.rooms.get(room)) ?? [];
  const read = (id: Id, payload: Buffer) => new Entry(id, payload, id === noId ? hub.latest() : id);
  const receive = (room: string) => {
    const target = targetOf(members, () => sidsOf(room), hub);
    return (id: Id, payload: Buffer) => hub.turn.add(target, read(id, payload));
  };

  subscriptions.add(channelOf(everyone), logOf(everyone), receive(everyone));
  subscriptions.add(direct, undefined, (id, payload) => {
    const entry = read(id, payload);
    const sids = new Set(entry.header.to?.flatMap((room) => [...sidsOf(room)]));
    const target = targetOf(members, () => sids, hub);
    hub.turn.add(target, entry);
  });

  return {
    logOf,
    channelOf,
    /** Resolves when what is published to the whole namespace or to a socket arrives here. */
    listening: () => Promise.all([channelOf(everyone), direct].map(subscriptions.ready)),
    /** What is for everybody starts, for a session, with it. */
    start: (session: Session) => start(hub, session, everyone, true),
    /** Listens, if nobody here did; a room that is joined starts where it is joined. */
    enter(session: Session, room: string): void {
      const listens = subscriptions.isActive(channelOf(room));
      const restoring = session.phase === 'restoring'; // its positions come from its session
      if (!restoring) start(hub, session, room, listens);
      if (listens) return;
      session.underWay.push(subscriptions.add(channelOf(room), logOf(room), receive(room)));
    },
    left(room: string): void {
      if (members.rooms.has(room) || isDirect(room)) return;
      const leave = () => members.rooms.has(room) || subscriptions.remove(channelOf(room));
      setTimeout(leave, options.unsubscribeMs).unref();
    },
    /** What to read after Redis was away, after a position. */
    catchUpSources(after: Id): CatchUpSource[] {
      for (const session of members.sessions.values()) correct(session, hub.clock);
      return [everyone, ...members.rooms.keys()].map((room) => {
        const log = logOf(room);
        return sourceOf(hub, members, { room, log, read, sids: () => sidsOf(room) }, after);
      });
    },
    caughtUp(): void {
      for (const { estimates } of members.sessions.values()) estimates.clear();
    },
    close(): void {
      for (const room of [everyone, ...members.rooms.keys()]) subscriptions.remove(channelOf(room));
      subscriptions.remove(direct);
    },
  };
}

function namesOf(prefix: string) {
  const direct = `${prefix}direct`;
  const logOf = (room: string) => `${prefix}log:${room}`;
  const channelOf = (room: string) => (isDirect(room) ? direct : `${prefix}room:${room}`);
  return { direct, logOf, channelOf };
}

interface Room {
  room: string;
  log: string;
  read(id: Id, payload: Buffer): Entry;
  sids(): Iterable<string>;
}

/** Its members get what came after they joined, be it after what was read. */
function sourceOf(
  hub: Hub,
  members: Members,
  { room, log, read, sids }: Room,
  after: Id,
): CatchUpSource {
  const startOf = (sid: string) => members.sessions.get(sid)?.joined.get(room) ?? unknown;
  const those = (wanted: (start: Id) => boolean) =>
    [...sids()].filter((sid) => wanted(startOf(sid)));
  const target = targetOf(members, () => those((start) => start <= after), hub);
  let later: string[] | undefined; // have joined after that position
  return {
    log,
    receive(id, payload) {
      const entry = read(id, payload);
      hub.turn.add(target, entry);
      later ??= those((start) => start > after);
      const due = later.filter((sid) => startOf(sid) < id);
      const rest = targetOf(members, () => due, hub);
      if (due.length > 0) hub.turn.add(rest, entry);
    },
    broken() {
      for (const sid of [...sids()]) members.sessions.get(sid)?.client?.conn.close();
    },
  };
}

/** A room starts after what has arrived, if the process listens to it; else where Redis is. */
function start(hub: Hub, session: Session, room: string, listens: boolean): void {
  const made = { atMs: performance.now(), seen: hub.lastSeen() };
  session.joined.set(room, made.seen);
  session.estimates.delete(room); // of an earlier join
  if (!hub.isLive()) estimate(session, room, made, hub.clock);
  // On one connection this is answered before the subscription: nothing falls between.
  else if (!listens) session.underWay.push(readPosition(hub, session, room, made));
}

async function readPosition(hub: Hub, session: Session, room: string, made: Estimate) {
  try {
    raise(session, room, (await hub.connections.get(hub.keys.sequence)) ?? noId);
  } catch {
    estimate(session, room, made, hub.clock);
  }
}
