// The rooms of one namespace as channels and logs: a process listens to the rooms it has members
// in, and each member knows from which position on.
import { type Members, targetOf } from './delivery.ts';
import { Entry, type Id, noId } from './entry.ts';
import type { Hub } from './hub.ts';
import type { CatchUpSource } from './resync.ts';
import { correct, type Estimate, estimate, raise, type Session } from './sessions.ts';

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
  const always = [channelOf(everyone), direct];
  const listened = Promise.all(always.map((channel) => readSequence(hub, channel)));

  return {
    logOf,
    channelOf,
    /** Resolves when what is published to the whole namespace or to a socket arrives here. */
    listening: () => Promise.all([listened, ...always.map(subscriptions.ready)]),
    /** What is for everybody starts, for a session, with it. */
    start: (session: Session) => start(hub, session, everyone, channelOf(everyone)),
    /** Listens, if nobody here did; a room that is joined starts where it is joined. */
    enter(session: Session, room: string): void {
      const channel = channelOf(room);
      if (!subscriptions.listens(channel, hub.latest())) {
        session.underWay.push(subscriptions.add(channel, logOf(room), receive(room)));
      }
      if (session.phase !== 'restoring') start(hub, session, room, channel); // else it knows
    },
    left(room: string): void {
      if (members.rooms.has(room) || isDirect(room)) return;
      const leave = () => members.rooms.has(room) || subscriptions.remove(channelOf(room));
      setTimeout(leave, options.unsubscribeMs).unref();
    },
    /** What to read after Redis was away. */
    catchUpSources(): CatchUpSource[] {
      for (const session of members.sessions.values()) correct(session, hub.clock);
      return [everyone, ...members.rooms.keys()].map((room) => {
        const names = { room, log: logOf(room), channel: channelOf(room) };
        return sourceOf(hub, members, { ...names, read, sids: () => sidsOf(room) });
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
  channel: string;
  read(id: Id, payload: Buffer): Entry;
  sids(): Iterable<string>;
}

const least = (one: Id, other: Id) => (other < one ? other : one);
const most = (one: Id, other: Id) => (other > one ? other : one);

/**
 * Its members get what came after they joined. What came before the process listened to the room it
 * has not got, though it has seen later messages, of others.
 */
function sourceOf(
  hub: Hub,
  members: Members,
  { room, log, channel, read, sids }: Room,
): CatchUpSource {
  const complete = hub.complete();
  const startOf = (sid: string) => members.sessions.get(sid)?.joined.get(room) ?? complete;
  const seenBy = (sid: string) => members.sessions.get(sid)?.cursor ?? complete;
  const neededBy = (sid: string) => most(startOf(sid), seenBy(sid));
  const earliest = () => [...sids()].map(neededBy).reduce(least, complete);
  const after = hub.subscriptions.listens(channel, hub.latest()) ? complete : earliest();
  const those = (wanted: (start: Id) => boolean) =>
    [...sids()].filter((sid) => wanted(startOf(sid)));
  const target = targetOf(members, () => those((start) => start <= after), hub);
  let later: string[] | undefined; // have joined after that position
  return {
    log,
    after,
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
function start(hub: Hub, session: Session, room: string, channel: string): void {
  const made = { atMs: performance.now(), seen: hub.lastSeen() };
  session.joined.set(room, made.seen);
  session.estimates.delete(room); // of an earlier join
  const isLive = hub.isLive();
  if (!isLive) estimate(session, room, made, hub.clock);
  if (hub.subscriptions.listens(channel, made.seen)) return;
  session.underWay.push(readPosition(hub, session, room, channel, isLive ? made : undefined));
}

/** @param made nothing: the position is known */
async function readPosition(
  hub: Hub,
  session: Session,
  room: string,
  channel: string,
  made: Estimate | undefined,
) {
  const id = await readSequence(hub, channel);
  if (!made) return;
  if (id !== undefined) raise(session, room, id);
  else estimate(session, room, made, hub.clock);
}

/** From it on what is published to a channel, whose SUBSCRIBE has been sent, arrives here. */
async function readSequence(hub: Hub, channel: string): Promise<Id | undefined> {
  try {
    const [id] = await Promise.all([hub.sequence(), hub.subscriptions.ready(channel)]);
    hub.subscriptions.listensSince(channel, id);
    return id;
  } catch {
    return undefined;
  }
}
