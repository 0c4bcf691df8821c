// Writing entries to sockets: each at most once, in order, and never before its socket is ready.
import type { Namespace, Socket } from 'socket.io';
import type { AdapterOptions, Trail } from '../options.ts';
import type { Session } from '../session/session.ts';
import type { Target } from './batch.ts';
import type { Entry, Flags } from './envelope.ts';
import { createParcel, type Parcel, type Wire } from './socket-writer.ts';

const replayedAtOnce = 64; // messages that are put together into one write, if they are small

export interface Packet {
  type: number;
  nsp?: string;
  data: unknown[];
  id?: number;
}

/** The part of an adapter that knows who is where. */
export interface Members {
  nsp: Namespace;
  rooms: Map<string, Set<string>>;
  sids: Map<string, Set<string>>;
  sessions: Map<string, Session>;
}

type Parts = { options: AdapterOptions; wire: Wire };

/** Some of the sockets, by id. */
export function targetOf(members: Members, sids: () => Iterable<string>, parts: Parts): Target {
  return { deliver: (entries) => deliver(members, sids(), entries, parts) };
}

function deliver(
  members: Members,
  sids: Iterable<string>,
  entries: Entry[],
  { options, wire }: Parts,
): void {
  const parcel = createParcel(entries);
  const { trail, observer } = options;
  const { delivered } = observer;
  const isTraced = trail.active;
  let wholes = 0;
  for (const sid of sids) {
    const session = members.sessions.get(sid);
    if (!session || session.phase === 'lost') continue;
    if (session.held) {
      hold(session, session.held, entries, options);
      continue;
    }
    const written = write(members, session, parcel, wire);
    if (isTraced) tellTrail(trail, session, written, false);
    if (written.length === entries.length) wholes += 1;
    else for (const entry of written) delivered(1, publishedMs(entry), entry.header.context);
  }
  if (wholes === 0) return;
  for (const entry of entries) delivered(wholes, publishedMs(entry), entry.header.context);
}

const publishedMs = ({ id }: Entry) => Number(id) / 1000;

function hold(session: Session, held: Entry[], entries: Entry[], options: AdapterOptions): void {
  for (const entry of entries) {
    if (entry.header.volatile) continue;
    held.push(entry);
    session.heldBytes += entry.bytes;
  }
  const { heldMessagesMax, heldBytesMax, observer } = options;
  if (held.length <= heldMessagesMax && session.heldBytes <= heldBytesMax) return;
  held.length = session.heldBytes = 0; // it is in the log, and its client will ask for it
  observer.limitReached('held');
  session.client?.conn.close();
}

/** The socket is connected: what was missed, then what came meanwhile, then live. */
export function goLive(members: Members, session: Session, wire: Wire, trail: Trail): void {
  const { replay, held = [] } = session;
  session.replay = [];
  session.held = undefined;
  writeAll(members, session, replay, wire, trail, true);
  if (session.cut > session.cursor) session.cursor = session.cut;
  writeAll(members, session, held, wire, trail, false);
  wire.end();
}

function writeAll(
  members: Members,
  session: Session,
  entries: Entry[],
  wire: Wire,
  trail: Trail,
  replayed: boolean,
): void {
  for (let at = 0; at < entries.length; at += replayedAtOnce) {
    const parcel = createParcel(entries.slice(at, at + replayedAtOnce));
    const written = write(members, session, parcel, wire);
    if (trail.active) tellTrail(trail, session, written, replayed);
  }
}

function tellTrail(trail: Trail, { socket }: Session, written: Entry[], replayed: boolean): void {
  if (socket) for (const { id } of written) trail.delivered(socket, id, replayed);
}

/** Answers what was written of it. */
function write(members: Members, session: Session, parcel: Parcel, wire: Wire): Entry[] {
  const { socket } = session;
  const { entries } = parcel;
  const fresh = unseen(members, session, parcel);
  if (!socket || fresh.length === 0) return [];
  if (socket.listenersAnyOutgoing().length > 0) {
    for (const entry of fresh) tellOutgoingListeners(members, socket, entry);
  }
  wire.send(socket.client, fresh.length === entries.length ? parcel : createParcel(fresh));
  return fresh;
}

/** What of it the session is to get, in the same array if that is all. */
function unseen(members: Members, session: Session, { entries, plain }: Parcel): Entry[] {
  const [first] = entries;
  if (plain && first && first.id > session.cursor) {
    session.cursor = (entries.at(-1) as Entry).id;
    return entries;
  }
  return entries.filter((entry) => accept(members, session, entry));
}

/** Whether the session is to get it; from then on it counts as seen. */
function accept(members: Members, session: Session, { header, id }: Entry): boolean {
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
  Reflect.get(socket, 'notifyOutgoingListeners').call(socket, packet);
  Reflect.get(socket, 'packet').call(socket, withOffset, { volatile, compress });
}

/** `onAnyOutgoing` shows packets: the only case in which one is decoded. */
function tellOutgoingListeners({ nsp }: Members, socket: Socket, { packets }: Entry): void {
  const decoder = new nsp.server._parser.Decoder();
  decoder.on('decoded', (decoded: object) => {
    const packet = decoded as Packet;
    packet.data.pop(); // the offset
    Reflect.get(socket, 'notifyOutgoingListeners').call(socket, packet);
  });
  for (const part of packets) decoder.add(part);
}
