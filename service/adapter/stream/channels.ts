// The rooms of one namespace as channels and logs: a process listens to the rooms it has members
// in, and each member knows from which position on.
import type { Target } from '../delivery/arrivals.ts';
import { Envelope, type Id, noId } from '../delivery/envelope.ts';
import type { Subscription } from '../engine.ts';
import { everyone, isDirect, type Names } from '../names.ts';
import { type Members, targetOf } from '../session/delivery.ts';
import { type Estimate, raisePosition, type Session } from '../session/session.ts';
import type { CatchUpSource } from './catch-up.ts';
import { correctPositions, estimatePosition } from './clock.ts';
import type { Stream } from './stream.ts';

const notYet: Id = '9999999999999999'; // after every id

/** A channel that this process listens to. */
interface Listening {
  subscription: Subscription;
  /** What is published after it arrives here, or is read after an outage. */
  since: Id;
}

export type Channels = ReturnType<typeof openChannels>;

export function openChannels(stream: Stream, members: Members, names: Names) {
  const { direct, logOf, channelOf } = names;
  const listenings = new Map<string, Listening>(); // by channel
  const sidsOf = (room: string): Iterable<string> =>
    (room === everyone ? members.sids.keys() : members.rooms.get(room)) ?? [];
  const receive = createReceiver(stream, members, sidsOf);

  const listen = (channel: string, log?: string, own?: Target): Listening => {
    const known = listenings.get(channel);
    if (known) return known;
    const subscription = stream.subscribe(channel, log, receive(own));
    const listening = { subscription, since: notYet };
    listenings.set(channel, listening);
    const position = subscription.ready.then((id) => listensSince(stream, listening, id));
    position.catch(() => {}); // who joined finds out by its save
    return listening;
  };
  const listenTo = (room: string) =>
    isDirect(room)
      ? listen(direct)
      : listen(
          channelOf(room),
          logOf(room),
          targetOf(members, () => sidsOf(room), stream),
        );
  const always = [listenTo(everyone), listen(direct)];

  const start = (session: Session, room: string, listening: Listening): void => {
    const made = { atMs: performance.now(), seen: stream.delivered() };
    session.joined.set(room, made.seen);
    session.estimates.delete(room); // of an earlier join
    const known = listening.since <= made.seen;
    if (!stream.isLive()) estimatePosition(session, room, made, stream.clock);
    else if (!known) session.pending.push(whenListening(stream, session, room, made, listening));
    if (!known) session.pending.push(listening.subscription.ready);
  };

  return {
    ...names,
    /** Resolves when messages to the whole namespace and to single sockets arrive here. */
    listening: () => Promise.all(always.map(({ subscription }) => subscription.ready)),
    /** A session begins: messages to everybody are for it from now on. */
    start: (session: Session) => start(session, everyone, listenTo(everyone)),
    /** A session joins a room: its messages are for it from now on. */
    enter(session: Session, room: string): void {
      const listening = listenTo(room);
      if (session.phase !== 'restoring') start(session, room, listening);
      else if (listening.since === notYet) session.pending.push(listening.subscription.ready);
    },
    /** The last local member may have left. */
    left(room: string): void {
      if (members.rooms.has(room) || isDirect(room)) return;
      const leave = () => {
        if (members.rooms.has(room)) return;
        listenings.get(channelOf(room))?.subscription.close();
        listenings.delete(channelOf(room));
      };
      setTimeout(leave, stream.options.unsubscribeMs).unref();
    },
    /** A session that was restored up to a position listens to its rooms. */
    restoredTo(rooms: Iterable<string>, id: Id): void {
      for (const room of rooms) listensSince(stream, listenTo(room), id);
    },
    /** What to read after an outage. */
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
    /** Everything up to a position was delivered after an outage. */
    caughtUp(upTo: Id): void {
      for (const { estimates } of members.sessions.values()) estimates.clear();
      for (const listening of listenings.values()) listensSince(stream, listening, upTo);
    },
    close(): void {
      for (const { subscription } of listenings.values()) subscription.close();
      listenings.clear();
    },
  };
}

/** Makes what a channel calls with each message. */
function createReceiver(
  stream: Stream,
  members: Members,
  sidsOf: (room: string) => Iterable<string>,
) {
  let lastOfSeveral: Id = noId; // the copies of a message to several rooms follow each other
  const envelopeOf = (id: Id, payload: Buffer) =>
    new Envelope(id, payload, id === noId ? stream.arrived() : id);
  return (own: Target | undefined) => (id: Id, payload: Buffer, rooms?: string[]) => {
    if (!rooms) {
      if (own) stream.arrivals.add(own, envelopeOf(id, payload));
      return;
    }
    if (id !== noId && id <= lastOfSeveral) return;
    if (id !== noId) lastOfSeveral = id;
    // The first copy serves the members of all rooms: an outage between two copies loses nothing.
    const sids = new Set(rooms.flatMap((room) => [...sidsOf(room)]));
    const all = targetOf(members, () => sids, stream);
    stream.arrivals.add(all, envelopeOf(id, payload));
  };
}

function listensSince(stream: Stream, listening: Listening, id: Id): void {
  stream.seen(id); // the position of the process is as new, or old messages would be replayed
  if (id < listening.since) listening.since = id;
}

/** Raises the position of a join to where the subscription begins. */
async function whenListening(
  stream: Stream,
  session: Session,
  room: string,
  made: Estimate,
  { subscription }: Listening,
): Promise<void> {
  try {
    raisePosition(session, room, await subscription.ready);
  } catch {
    estimatePosition(session, room, made, stream.clock);
  }
}

interface Room {
  room: string;
  log: string;
  since: Id;
  sids(): Iterable<string>;
}

/**
 * Its members get what came after they joined. What came before the process listened to the room it
 * has not got, though it has seen later messages, of others.
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
  let later: string[] | undefined; // joined after that position
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
    broken() {
      for (const sid of [...sids()]) members.sessions.get(sid)?.client?.conn.close();
    },
  };
}
