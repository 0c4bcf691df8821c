// Writing entries to sockets: each at most once, in order, and never before its socket is ready.
import type { Namespace, Socket } from 'socket.io';
import type { Packet } from 'socket.io-parser';
import type { Entry } from './entry.ts';
import type { AdapterOptions } from './options.ts';
import type { Session } from './sessions.ts';
import { send } from './wire.ts';

/** The part of an adapter that knows who is where. */
export interface Members {
  nsp: Namespace;
  rooms: Map<string, Set<string>>;
  sids: Map<string, Set<string>>;
  sessions: Map<string, Session>;
}

/** Offers an entry to sockets by id. */
export function deliver(
  members: Members,
  sids: Iterable<string> | undefined,
  entry: Entry,
  options: AdapterOptions,
): void {
  let written = 0;
  for (const sid of sids ?? []) {
    const session = members.sessions.get(sid);
    if (!session || session.phase === 'lost') continue;
    if (!session.held) {
      if (write(members, session, entry)) written += 1;
    } else if (!entry.header.volatile) hold(session, session.held, entry, options);
  }
  if (written > 0) options.observer.delivered(written, Number(entry.id) / 1000);
}

function hold(session: Session, held: Entry[], entry: Entry, options: AdapterOptions): void {
  held.push(entry);
  session.heldBytes += entry.bytes;
  const { heldMessagesMax, heldBytesMax, observer } = options;
  if (held.length <= heldMessagesMax && session.heldBytes <= heldBytesMax) return;
  held.length = session.heldBytes = 0; // it is in the log, and its client will ask for it
  observer.limitReached('held');
  session.client?.conn.close();
}

/** The socket is connected: what was missed, then what came meanwhile, then live. */
export function goLive(members: Members, session: Session): void {
  for (const entry of session.replay) write(members, session, entry);
  if (session.cut > session.cursor) session.cursor = session.cut;
  const held = session.held ?? [];
  session.replay = [];
  session.held = undefined;
  for (const entry of held) write(members, session, entry);
}

function write(members: Members, session: Session, entry: Entry): boolean {
  const { header, id } = entry;
  if (!header.volatile) {
    if (id <= session.cursor) return false;
    session.cursor = id;
  }
  const own = members.sids.get(session.sid);
  if (header.except?.some((room) => own?.has(room)) || !session.socket) return false;
  tellOutgoingListeners(members, session.socket, entry);
  send(session.socket.client, entry);
  return true;
}

/** `onAnyOutgoing` shows packets: the only case in which one is decoded. */
function tellOutgoingListeners({ nsp }: Members, socket: Socket, { packets }: Entry): void {
  if (socket.listenersAnyOutgoing().length === 0) return;
  const decoder = new nsp.server._parser.Decoder();
  decoder.on('decoded', (packet: Packet) => {
    (packet.data as unknown[]).pop(); // the offset
    Reflect.get(socket, 'notifyOutgoingListeners').call(socket, packet);
  });
  for (const part of packets) decoder.add(part);
}
