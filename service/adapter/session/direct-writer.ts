// Writes packets to one live socket of this process, without Redis.
import type { Namespace, Socket } from 'socket.io';
import { bytesOf, type Flags, type Id, noId } from '../delivery/envelope.ts';
import { type Numbers, offsetOf } from '../delivery/offset.ts';
import {
  decode,
  notifyOutgoing,
  type Packet,
  type PacketEncoder,
  writeEncoded,
  writePacket,
} from '../socketio-internals.ts';
import type { Session } from './session.ts';
import type { Confirmations, DirectPacket } from './unconfirmed.ts';

interface Parts {
  numbers: Numbers;
  confirmations: Confirmations;
  /** The newest id that has arrived, after writing all arrived messages to the sockets. */
  delivered(): Id;
}

export type DirectWriter = ReturnType<typeof createDirectWriter>;

export function createDirectWriter(nsp: Namespace, encoder: PacketEncoder, parts: Parts) {
  const { numbers, confirmations, delivered } = parts;
  /** Writes an encoded event, and keeps it until the client has confirmed it. */
  const send = (session: Session, socket: Socket, packet: DirectPacket) => {
    const { encoded, compress } = packet;
    writeEncoded(socket, encoded, { compress });
    confirmations.keep(session, packet);
  };
  return {
    /** Writes a packet of the application. */
    write(session: Session, socket: Socket, packet: Packet, flags: Flags): void {
      const { volatile, compress = true } = flags;
      notifyOutgoing(socket, packet);
      const newest = delivered();
      const id = session.heldAfter ?? newest; // the client has nothing of what is held
      const number = numbers.next();
      const offered = withOffset(nsp, packet, offsetOf(id, number));
      if (volatile || packet.id !== undefined || session.pid === undefined) {
        writePacket(socket, offered, { volatile, compress });
        return;
      }
      const encoded = encoder.encode(offered).map((part) => (isText(part) ? part : bytesOf(part)));
      send(session, socket, { number, after: session.cursor, encoded, compress });
    },
    /**
     * Writes a packet that the client has not read, according to the offset of this connection. The
     * packet keeps its place: a connection that claims its session late has an old offset, and the
     * client may have read the packet on a newer connection.
     */
    writeAgain(session: Session, socket: Socket, packet: DirectPacket): void {
      const [text, ...attachments] = packet.encoded as [string, ...Buffer[]];
      const offset = offsetOf(session.cursor || noId, packet.number);
      const again = [replaceOffset(text, offset), ...attachments];
      if (socket.listenersAnyOutgoing().length > 0) {
        const decoded = decode(nsp.server, again);
        decoded.data.pop(); // the offset
        notifyOutgoing(socket, decoded);
      }
      send(session, socket, { ...packet, encoded: again });
    },
  };
}

const isText = (part: string | Buffer): part is string => typeof part === 'string';

/** The offset is the last argument, and contains no comma. */
const replaceOffset = (text: string, offset: string) =>
  `${text.slice(0, text.lastIndexOf(',') + 1)}"${offset}"]`;

/**
 * Copies the packet, which is shared. Without an offset, clients would take a last text for one.
 */
export function withOffset({ name }: Namespace, packet: Packet, offset: string): Packet {
  const data = packet.id === undefined ? [...packet.data, offset] : packet.data;
  return { ...packet, nsp: name, data };
}
