// Packets that were written to a socket without going through the stream, and that its client may
// not have read: a connection may be dead long before anybody notices. They are kept until a
// heartbeat proves that the client has read them, or handed to the process that the client
// reconnects to.
import { bytesOf, type Id } from '../delivery/envelope.ts';
import type { Offset } from '../delivery/offset.ts';
import type { AdapterOptions } from '../options.ts';
import type { Client } from '../socketio-internals.ts';

/** Where a packet is among all that was written to its socket. */
interface Place {
  /** Rises with every packet that is not in the stream. */
  number: number;
  /** The last message of the stream that was written before it. */
  after: Id;
}

export interface DirectPacket extends Place {
  /** As the encoder of a server returns it. The last argument is the offset. */
  encoded: (string | Buffer)[];
  compress: boolean;
}

/** What a client may not have read. */
export interface Unconfirmed {
  packets: DirectPacket[];
  /** The newest packet that was dropped to stay within the limits. */
  dropped: Place | undefined;
  bytes: number;
  /** Stops listening for heartbeats. */
  stop(): void;
}

export interface Holder {
  client: Client | undefined;
  unconfirmed: Unconfirmed | undefined;
}

export type Confirmations = ReturnType<typeof createConfirmations>;

/** Idle sockets cost nothing: a list exists only while it is not empty. */
export function createConfirmations({
  unconfirmedMessagesMax,
  unconfirmedBytesMax,
  unconfirmedTotalBytesMax,
}: AdapterOptions) {
  let total = 0; // bytes of all sockets

  const shift = (kept: Unconfirmed): Place => {
    const { number, after, encoded } = kept.packets.shift() as DirectPacket;
    const bytes = sizeOf(encoded);
    kept.bytes -= bytes;
    total -= bytes;
    return { number, after };
  };
  const start = (holder: Holder): Unconfirmed => {
    const { conn } = holder.client as Client;
    let written = 0; // the last packet before the last heartbeat
    const heartbeat = () => {
      // This pong answers a ping sent after the last pong, and transports keep the order.
      while (kept.packets[0] && kept.packets[0].number <= written) shift(kept);
      if (kept.dropped && kept.dropped.number <= written) kept.dropped = undefined;
      written = (kept.packets.at(-1) ?? kept.dropped)?.number ?? 0;
      if (written === 0) stop(holder);
    };
    const kept: Unconfirmed = {
      packets: [],
      dropped: undefined,
      bytes: 0,
      stop: () => conn.off('heartbeat', heartbeat),
    };
    conn.on('heartbeat', heartbeat);
    holder.unconfirmed = kept;
    return kept;
  };
  const stop = (holder: Holder): void => {
    const { unconfirmed } = holder;
    holder.unconfirmed = undefined;
    unconfirmed?.stop();
    total -= unconfirmed?.bytes ?? 0;
  };

  return {
    /** Keeps a packet that was written until it is confirmed. */
    keep(holder: Holder, packet: DirectPacket): void {
      const kept = holder.unconfirmed ?? start(holder);
      const bytes = sizeOf(packet.encoded);
      kept.packets.push(packet);
      kept.bytes += bytes;
      total += bytes;
      while (
        kept.packets.length > unconfirmedMessagesMax ||
        kept.bytes > unconfirmedBytesMax ||
        (total > unconfirmedTotalBytesMax && kept.packets.length > 0)
      ) {
        kept.dropped = shift(kept);
      }
    },
    /** Returns what the client may not have read, and keeps nothing more for it. */
    take(holder: Holder): Unconfirmed | undefined {
      const { unconfirmed } = holder;
      stop(holder);
      return unconfirmed;
    },
  };
}

const sizeOf = (encoded: DirectPacket['encoded']) =>
  encoded.reduce((sum, { length }) => sum + length, 0);

/** The packets that a client has not read, or `undefined` if some of them were dropped. */
export function unreadOf(
  { packets, dropped }: Pick<Unconfirmed, 'packets' | 'dropped'>,
  { id, number }: Offset,
): DirectPacket[] | undefined {
  const isRead = (place: Place) =>
    number === undefined ? place.after < id : place.number <= number;
  if (dropped && !isRead(dropped)) return undefined;
  return packets.filter((packet) => !isRead(packet));
}

/** Packets that a restored client has not read. They wait until its socket is connected. */
export const waiting = (packets: DirectPacket[]): Unconfirmed => ({
  packets,
  dropped: undefined,
  bytes: 0,
  stop() {},
});

/** The form for JSON. */
export interface StoredUnconfirmed {
  packets: (Place & { compress: boolean; text: string; attachments: string[] })[];
  dropped?: Place;
}

export const toStored = ({ packets, dropped }: Unconfirmed): StoredUnconfirmed => ({
  packets: packets.map(({ encoded: [text, ...attachments], ...packet }) => ({
    ...packet,
    text: text as string,
    attachments: attachments.map((part) => bytesOf(part as Buffer).toString('base64')),
  })),
  ...(dropped && { dropped }),
});

export const fromStored = ({ packets, dropped }: StoredUnconfirmed): Unconfirmed => ({
  ...waiting(
    packets.map(({ text, attachments, ...packet }) => ({
      ...packet,
      encoded: [text, ...attachments.map((part) => Buffer.from(part, 'base64'))],
    })),
  ),
  dropped,
});
