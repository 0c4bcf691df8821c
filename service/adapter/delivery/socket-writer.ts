// Writes to clients: frames go straight to the TCP connection of a WebSocket where nothing waits
// before them; everywhere else Engine.IO queues the packets.
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Entry } from './envelope.ts';

interface Client {
  conn: Connection;
  writeToEngine(packets: Entry['packets'], options: Entry['options']): void;
}

/** What is used of Engine.IO's socket, most of it internal. */
interface Connection extends EventEmitter {
  server: EventEmitter;
  readyState: string;
  upgrading: boolean;
  writeBuffer: unknown[];
  transport: {
    name: string;
    writable: boolean;
    perMessageDeflate: unknown;
    socket: { readyState: number; _socket?: Duplex };
  };
}

const webSocketOpen = 1;
const joinedBytesMax = 65_536; // of frames that are copied into one buffer

/** Entries for several sockets, whose bytes are put together once. */
export interface Parcel {
  entries: Entry[];
  /** For everybody in turn: none is volatile or leaves a room out, and their ids rise. */
  plain: boolean;
  /** Of all entries; nothing when some have none, or are large. */
  frame(): Buffer | undefined;
  /** As Engine.IO would make packets of them. */
  engine(): object[];
}

export function createParcel(entries: Entry[]): Parcel {
  let joined: Buffer | undefined | null = null;
  let engine: object[] | undefined;
  return {
    entries,
    plain: entries.every(isPlain),
    frame() {
      if (joined === null) joined = join(entries);
      return joined;
    },
    engine() {
      engine ??= entries.map((entry) => entry.engine);
      return engine;
    },
  };
}

const isPlain = ({ header, id }: Entry, i: number, entries: Entry[]) =>
  !header.volatile && !header.except && (i === 0 || (entries[i - 1] as Entry).id < id);

function join(entries: Entry[]): Buffer | undefined {
  if (entries.length === 1) return entries[0]?.frame;
  const frames = entries.flatMap(({ frame }) => frame ?? []);
  const bytes = frames.reduce((sum, { length }) => sum + length, 0);
  const fits = frames.length === entries.length && bytes <= joinedBytesMax;
  return fits ? Buffer.concat(frames, bytes) : undefined;
}

export type Wire = ReturnType<typeof createWire>;

export function createWire() {
  // Of this turn: those that were written to, and those whose further writes wait for its end.
  const written = new Set<Duplex>();
  const corked = new Set<Duplex>();

  return {
    send(client: object, parcel: Parcel): void {
      const { conn } = client as Client;
      const stream = directStream(conn, corked);
      const frame = stream && parcel.frame();
      if (!stream || !frame) {
        for (const { packets, options } of parcel.entries) {
          (client as Client).writeToEngine(packets, options);
        }
        return;
      }
      announce(conn, parcel);
      if (written.has(stream) && !corked.has(stream)) {
        stream.cork();
        corked.add(stream);
      }
      written.add(stream);
      stream.write(frame);
    },
    /** The turn is over: one more write for each that got more than one. */
    end(): void {
      for (const stream of corked) stream.uncork();
      corked.clear();
      written.clear();
    },
  };
}

/** The TCP connection, when the kernel has all that was written before this turn. */
function directStream(conn: Connection, corked: Set<Duplex>): Duplex | undefined {
  const { readyState, upgrading, writeBuffer, transport } = conn;
  if (readyState !== 'open' || upgrading || writeBuffer.length > 0) return;
  if (!transport.writable || transport.name !== 'websocket' || transport.perMessageDeflate) return;
  const { readyState: state, _socket: stream } = transport.socket;
  if (state !== webSocketOpen || !stream) return;
  return stream.writableLength === 0 || corked.has(stream) ? stream : undefined;
}

/** The events of Engine.IO by which others count and measure, if they do. */
function announce(conn: Connection, { engine }: Parcel): void {
  const { server } = conn;
  if (conn.listenerCount('packetCreate') > 0) {
    for (const packet of engine()) conn.emit('packetCreate', packet);
  }
  if (conn.listenerCount('flush') > 0) conn.emit('flush', engine());
  if (server.listenerCount('flush') > 0) server.emit('flush', conn, engine());
  conn.emit('drain');
  server.emit('drain', conn);
}
