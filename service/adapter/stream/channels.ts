// Maps the rooms of one namespace to channels and logs. A process subscribes to the rooms of its
// members, and records the position at which each member joined.
import { Envelope, type Id, noId } from '../delivery/envelope.ts';
import type { Subscription } from '../engine/engine.ts';
import { everyone, isDirect, type Names } from '../engine/names.ts';
import { correctPositions, estimatePosition } from '../session/clock.ts';
import { type Members, targetOf } from '../session/delivery.ts';
import { type Estimate, type Session, setPosition } from '../session/session.ts';
import type { CatchUpSource } from './catch-up.ts';
import { createJoins } from './joins.ts';
import type { Stream } from './stream.ts';

const notSubscribed: Id = '9999999999999999'; // larger than every id

/** A channel that this process listens to. */
interface Listening {
  subscription: Subscription;
  /** Messages after this position arrive here, or are read after an outage. */
  since: Id;
}

export type Channels = ReturnType<typeof openChannels>;

export function openChannels(stream: Stream, members: Members, names: Names) {
  const { direct, logOf, channelOf } = names;
  const listenings = new Map<string, Listening>(); // by channel
  const sidsOf = (room: string): Iterable<string> =>
    (room === everyone ? members.sids.keys() : members.rooms.get(room)) ?? [];
  const receive = createReceiver(stream, members, sidsOf);
  const complete = createJoins(stream, members, names);
  let requestedAt: Id | undefined;

  const listen = (channel: string, room?: string): Listening => {
    const known = listenings.get(channel);
    if (known) return known;
    const log = room === undefined ? room : logOf(room);
    const after = stream.isLive() ? (requestedAt ?? stream.least()) : undefined;
    const subscription = stream.subscribe(channel, log, receive(room), after);
    const listening = { subscription, since: notSubscribed };
    listenings.set(channel, listening);
    const position = subscription.ready.then((id) => listensSince(stream, listening, id));
    position.catch(() => {}); // the save of each member reports it
    return listening;
  };
  const listenTo = (room: string) =>
    isDirect(room) ? listen(direct) : listen(channelOf(room), room);
  const always = [listenTo(everyone), listen(direct)];

  const start = (session: Session, room: string, listening: Listening): void => {
    const made: Estimate = { atMs: performance.now(), seen: stream.delivered(), requestedAt };
    setPosition(session, room, made.seen);
    session.estimates?.delete(room); // of an earlier join
    const known = listening.since <= made.seen;
    if (!stream.isLive()) estimatePosition(session, room, made, stream.clock);
    else if (!known) {
      const completed = complete(session, room, made, listening.subscription);
      completed.catch(() => {}); // the next save reports it, which may have to wait for another one
      session.pending.push(completed);
    }
    if (!known) session.pending.push(listening.subscription.ready);
  };

  return {
    ...names,
    /** Resolves once messages to the namespace and to single sockets arrive in this process. */
    listening: () => Promise.all(always.map(({ subscription }) => subscription.ready)),
    /** Starts a session: from now on it receives messages to the namespace. */
    start: (session: Session) => start(session, everyone, listenTo(everyone)),
    /** Joins a session to a room: from now on it receives its messages. */
    enter(session: Session, room: string): void {
      const listening = listenTo(room);
      if (session.phase !== 'restoring') start(session, room, listening);
      else if (listening.since === notSubscribed)
        session.pending.push(listening.subscription.ready);
    },
    /**
     * Runs a request to join rooms from another process.
     * @param position a lower bound of the newest id when it was made
     */
    joinAt(position: Id, join: () => unknown): unknown {
      requestedAt = position;
      try {
        return join();
      } finally {
        requestedAt = undefined;
      }
    },
    /** Unsubscribes after a delay if the last local member has left. */
    left(room: string): void {
      if (members.rooms.has(room) || isDirect(room)) return;
      const leave = () => {
        if (members.rooms.has(room)) return;
        listenings.get(channelOf(room))?.subscription.close();
        listenings.delete(channelOf(room));
      };
      setTimeout(leave, stream.options.unsubscribeMs).unref();
    },
    /** Records that the rooms of a restored session are complete up to a position. */
    restoredTo(rooms: Iterable<string>, id: Id): void {
      for (const room of rooms) listensSince(stream, listenTo(room), id);
    },
    /** The logs to read after an outage. */
    catchUpSources(): CatchUpSource[] {
      for (const session of members.sessions.values()) correctPositions(session, stream.clock);
      return [everyone, ...members.rooms.keys()].map((room) =>
        sourceOf(stream, members, {
          room,
          log: logOf(room),
          since: listenTo(room).since,
          sids: () => sidsOf(room),
        }),
      );
    },
    /** Records that everything up to a position was delivered after an outage. */
    caughtUp(upTo: Id): void {
      for (const session of members.sessions.values()) session.estimates = undefined;
      for (const listening of listenings.values()) listensSince(stream, listening, upTo);
    },
    /**
     * A message of a channel could not be read. Its sockets must reconnect, and are told that they
     * missed something, or are recovered by a process that can read it.
     */
    unreadable(channel: string): void {
      if (!listenings.has(channel)) return;
      const rooms = [everyone, ...members.rooms.keys()];
      const sids = rooms
        .filter((room) => channelOf(room) === channel)
        .flatMap((r) => [...sidsOf(r)]);
      closeAll(members, sids);
    },
    close(): void {
      for (const { subscription } of listenings.values()) subscription.close();
      listenings.clear();
    },
  };
}

/** Creates the callbacks that receive messages, each from the channel of one room or of several. */
function createReceiver(
  stream: Stream,
  members: Members,
  sidsOf: (room: string) => Iterable<string>,
) {
  let lastOfSeveral: Id = noId; // copies of one message are consecutive
  const envelopeOf = (id: Id, payload: Buffer) =>
    new Envelope(id, payload, id === noId ? stream.offset() : id);
  /** The members of a room, without those who joined after a held message had arrived. */
  const membersAt = (room: string, heldAt = Number.POSITIVE_INFINITY): string[] =>
    [...sidsOf(room)].filter((sid) => {
      const estimate = members.sessions.get(sid)?.estimates?.get(room);
      return !estimate || estimate.atMs <= heldAt;
    });
  return (room: string | undefined) => {
    const own = targetOf(members, () => (room === undefined ? [] : sidsOf(room)), stream);
    return (id: Id, payload: Buffer, rooms?: string[], heldAt?: number) => {
      if (!rooms && heldAt === undefined) {
        stream.arrivals.add(own, envelopeOf(id, payload));
        return;
      }
      if (rooms && id !== noId) {
        if (id <= lastOfSeveral) return;
        lastOfSeveral = id;
      }
      // The first copy is delivered to all rooms, so that an outage between two copies loses
      // nothing.
      const sids = new Set((rooms ?? [room ?? '']).flatMap((each) => membersAt(each, heldAt)));
      const all = targetOf(members, () => sids, stream);
      stream.arrivals.add(all, envelopeOf(id, payload));
    };
  };
}

function listensSince(stream: Stream, listening: Listening, id: Id): void {
  stream.seen(id); // otherwise a catch-up would replay old messages
  if (id < listening.since) listening.since = id;
}

/** Closes connections. The clients reconnect, and are recovered or told that they cannot be. */
function closeAll({ sessions }: Members, sids: string[]): void {
  for (const sid of sids) sessions.get(sid)?.client?.conn.close();
}

interface Room {
  room: string;
  log: string;
  since: Id;
  sids(): Iterable<string>;
}

/**
 * The catch-up source of a room. Members receive messages published after they joined. If the
 * process was not subscribed to the room yet, its position in the stream does not cover the room,
 * so reading starts at the earliest join.
 */
function sourceOf(
  stream: Stream,
  members: Members,
  { room, log, since, sids }: Room,
): CatchUpSource {
  const seen = stream.arrived();
  const startOf = (sid: string) => members.sessions.get(sid)?.joined.get(room) ?? seen;
  const earliest = () => {
    let after = seen;
    for (const sid of sids()) if (startOf(sid) < after) after = startOf(sid);
    return after;
  };
  const after = since <= seen ? seen : earliest();
  const those = (wanted: (start: Id) => boolean) =>
    [...sids()].filter((sid) => wanted(startOf(sid)));
  const target = targetOf(members, () => those((start) => start <= after), stream);
  let later: string[] | undefined; // members that joined after that position
  return {
    log,
    after,
    receive(id, payload) {
      const envelope = new Envelope(id, payload, id);
      stream.arrivals.add(target, envelope);
      later ??= those((start) => start > after);
      const due = later.filter((sid) => startOf(sid) < id);
      if (due.length === 0) return;
      stream.arrivals.add(
        targetOf(members, () => due, stream),
        envelope,
      );
    },
    broken: () => closeAll(members, [...sids()]),
  };
}
