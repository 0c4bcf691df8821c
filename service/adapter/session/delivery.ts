// Writes envelopes to sockets: at most once, in order, and never before the socket is ready.
import type { Namespace, Socket } from 'socket.io';
import type { Target } from '../delivery/arrivals.ts';
import type { Envelope } from '../delivery/envelope.ts';
import { type Batch, createBatch, type SocketWriter } from '../delivery/socket-writer.ts';
import type { AdapterOptions, Trail } from '../options.ts';
import { decode, notifyOutgoing } from '../socketio-internals.ts';
import { isOver, release, type Session } from './session.ts';
import type { DirectPacket } from './unconfirmed.ts';

const replayedAtOnce = 64; // messages per write

/** The sockets, rooms and sessions of an adapter. */
export interface Members {
  nsp: Namespace;
  rooms: Map<string, Set<string>>;
  sids: Map<string, Set<string>>;
  sessions: Map<string, Session>;
}

type Parts = { options: AdapterOptions; writer: SocketWriter };

/** A target that delivers to the given socket ids. */
export function targetOf(members: Members, sids: () => Iterable<string>, parts: Parts): Target {
  return { deliver: (envelopes) => deliver(members, sids(), envelopes, parts) };
}

function deliver(
  members: Members,
  sids: Iterable<string>,
  envelopes: Envelope[],
  { options, writer }: Parts,
): void {
  const batch = createBatch(envelopes);
  const { trail, observer } = options;
  const { delivered } = observer;
  const isTraced = trail.active;
  let wholes = 0;
  for (const sid of sids) {
    const session = members.sessions.get(sid);
    if (!session || session.phase === 'lost') continue;
    if (session.held) {
      keep(session, session.held, envelopes, options);
      continue;
    }
    const written = write(members, session, batch, writer);
    if (isTraced) followDelivery(trail, session, written, false);
    if (written.length === envelopes.length) wholes += 1;
    else
      for (const envelope of written) delivered(1, publishedMs(envelope), envelope.header.context);
  }
  if (wholes === 0) return;
  for (const envelope of envelopes)
    delivered(wholes, publishedMs(envelope), envelope.header.context);
}

const publishedMs = ({ id }: Envelope) => Number(id) / 1000;

function keep(
  session: Session,
  held: Envelope[],
  envelopes: Envelope[],
  options: AdapterOptions,
): void {
  for (const envelope of envelopes) {
    if (envelope.header.volatile) continue;
    held.push(envelope);
    session.heldBytes += envelope.bytes;
  }
  const { heldMessagesMax, heldBytesMax, observer } = options;
  if (held.length <= heldMessagesMax && session.heldBytes <= heldBytesMax) return;
  held.length = session.heldBytes = 0; // the client will get them from the log
  observer.limitReached('held');
  session.client?.conn.close();
}

/**
 * Writes the replay, then the held messages. From then on the socket receives live messages.
 * @param direct missed packets that are not in the stream
 * @param writeAgain writes one of them
 */
export function goLive(
  members: Members,
  session: Session,
  direct: DirectPacket[],
  writeAgain: (packet: DirectPacket) => void,
  parts: Parts,
): void {
  let { replay } = session;
  session.replay = [];
  for (const packet of direct) {
    const following = replay.findIndex(({ id }) => id > packet.after);
    const preceding = following < 0 ? replay : replay.slice(0, following);
    writeAll(members, session, preceding, parts, true);
    writeAgain(packet);
    replay = replay.slice(preceding.length);
  }
  writeAll(members, session, replay, parts, true);
  if (session.replayedUpTo > session.cursor) session.cursor = session.replayedUpTo;
  writeHeld(members, session, parts);
}

/** Ends a reason to hold messages. Writes them, in order, if it was the last one. */
export function writeHeld(members: Members, session: Session, parts: Parts): void {
  if (isOver(session)) return;
  const held = new Map(release(session).map((envelope) => [envelope.id, envelope]));
  const sorted = [...held.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  writeAll(members, session, sorted, parts, false);
  parts.writer.end();
}

/** Adds messages to those that are held. */
export function keepMissed(session: Session, missed: Envelope[], { options }: Parts): void {
  if (session.held) keep(session, session.held, missed, options);
}

function writeAll(
  members: Members,
  session: Session,
  envelopes: Envelope[],
  { writer, options: { trail } }: Parts,
  replayed: boolean,
): void {
  for (let at = 0; at < envelopes.length; at += replayedAtOnce) {
    const batch = createBatch(envelopes.slice(at, at + replayedAtOnce));
    const written = write(members, session, batch, writer);
    if (trail.active) followDelivery(trail, session, written, replayed);
  }
}

function followDelivery(
  trail: Trail,
  { socket }: Session,
  written: Envelope[],
  replayed: boolean,
): void {
  if (socket) for (const { id } of written) trail.delivered(socket, id, replayed);
}

/** Returns the envelopes that were written. */
function write(members: Members, session: Session, batch: Batch, writer: SocketWriter): Envelope[] {
  const { socket } = session;
  const { envelopes } = batch;
  const fresh = unseen(members, session, batch);
  if (!socket || fresh.length === 0) return [];
  if (socket.listenersAnyOutgoing().length > 0) {
    for (const envelope of fresh) notifyOutgoingListeners(members, socket, envelope);
  }
  writer.send(socket.client, fresh.length === envelopes.length ? batch : createBatch(fresh));
  return fresh;
}

/** The envelopes that the session has not received; the same array if that is all of them. */
function unseen(members: Members, session: Session, { envelopes, plain }: Batch): Envelope[] {
  const [first] = envelopes;
  if (plain && first && first.id > session.cursor) {
    session.cursor = (envelopes.at(-1) as Envelope).id;
    return envelopes;
  }
  return envelopes.filter((envelope) => accept(members, session, envelope));
}

/** Whether to write the envelope to the session. Advances the cursor. */
function accept(members: Members, session: Session, { header, id }: Envelope): boolean {
  if (!header.volatile) {
    if (id <= session.cursor) return false;
    session.cursor = id;
  }
  if (!header.except) return true;
  const own = members.sids.get(session.sid);
  return !header.except.some((room) => own?.has(room));
}

/** Calls the listeners of `onAnyOutgoing`. Packets are decoded only for them. */
function notifyOutgoingListeners({ nsp }: Members, socket: Socket, { packets }: Envelope): void {
  const packet = decode(nsp.server, packets);
  packet.data.pop(); // the offset
  notifyOutgoing(socket, packet);
}
