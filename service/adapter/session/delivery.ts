// Writes envelopes to sockets: each at most once, in order, and never before its socket is ready.
import type { Namespace, Socket } from 'socket.io';
import type { Target } from '../delivery/arrivals.ts';
import type { Envelope, Flags } from '../delivery/envelope.ts';
import { type Batch, createBatch, type SocketWriter } from '../delivery/socket-writer.ts';
import type { AdapterOptions, Trail } from '../options.ts';
import { decode, notifyOutgoing, type Packet, writePacket } from '../socketio-internals.ts';
import type { Session } from './session.ts';

const replayedAtOnce = 64; // messages that are put together into one write, if they are small

/** The part of an adapter that knows who is where. */
export interface Members {
  nsp: Namespace;
  rooms: Map<string, Set<string>>;
  sids: Map<string, Set<string>>;
  sessions: Map<string, Session>;
}

type Parts = { options: AdapterOptions; writer: SocketWriter };

/** Some of the sockets, by id. */
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
      hold(session, session.held, envelopes, options);
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

function hold(
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
  held.length = session.heldBytes = 0; // it is in the log, and its client will ask for it
  observer.limitReached('held');
  session.client?.conn.close();
}

/** The socket is connected: what was missed, then what came meanwhile, then live. */
export function goLive(members: Members, session: Session, parts: Parts): void {
  const { replay, held = [] } = session;
  session.replay = [];
  session.held = undefined;
  writeAll(members, session, replay, parts, true);
  if (session.replayedUpTo > session.cursor) session.cursor = session.replayedUpTo;
  writeAll(members, session, held, parts, false);
  parts.writer.end();
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

/** Answers what was written of it. */
function write(members: Members, session: Session, batch: Batch, writer: SocketWriter): Envelope[] {
  const { socket } = session;
  const { envelopes } = batch;
  const fresh = unseen(members, session, batch);
  if (!socket || fresh.length === 0) return [];
  if (socket.listenersAnyOutgoing().length > 0) {
    for (const envelope of fresh) tellOutgoingListeners(members, socket, envelope);
  }
  writer.send(socket.client, fresh.length === envelopes.length ? batch : createBatch(fresh));
  return fresh;
}

/** What of it the session is to get, in the same array if that is all. */
function unseen(members: Members, session: Session, { envelopes, plain }: Batch): Envelope[] {
  const [first] = envelopes;
  if (plain && first && first.id > session.cursor) {
    session.cursor = (envelopes.at(-1) as Envelope).id;
    return envelopes;
  }
  return envelopes.filter((envelope) => accept(members, session, envelope));
}

/** Whether the session is to get it; from then on it counts as seen. */
function accept(members: Members, session: Session, { header, id }: Envelope): boolean {
  if (!header.volatile) {
    if (id <= session.cursor) return false;
    session.cursor = id;
  }
  if (!header.except) return true;
  const own = members.sids.get(session.sid);
  return !header.except.some((room) => own?.has(room));
}

/** To one live socket of this process: no need for Redis. */
export function writeDirect(
  socket: Socket,
  packet: Packet,
  withOffset: Packet,
  { volatile, compress }: Flags,
): void {
  notifyOutgoing(socket, packet);
  writePacket(socket, withOffset, { volatile, compress });
}

/** `onAnyOutgoing` shows packets: the only case in which one is decoded. */
function tellOutgoingListeners({ nsp }: Members, socket: Socket, { packets }: Envelope): void {
  const packet = decode(nsp.server, packets);
  packet.data.pop(); // the offset
  notifyOutgoing(socket, packet);
}
