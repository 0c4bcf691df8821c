// Writes to clients: frames go straight to the TCP connection of a WebSocket where nothing waits
// before them; everywhere else Engine.IO queues the packets.
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Envelope } from './envelope.ts';

interface Client {
  conn: Connection;
  writeToEngine(packets: Envelope['packets'], options: Envelope['options']): void;
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
export interface Batch {
  envelopes: Envelope[];
  /** Every socket gets all of them: none is volatile or excepts a room, and their ids rise. */
  plain: boolean;
  /** Of all envelopes; nothing when some have none, or are large. */
  frame(): Buffer | undefined;
  /** As Engine.IO would make packets of them. */
  engine(): object[];
}

export function createBatch(envelopes: Envelope[]): Batch {
  let joined: Buffer | undefined | null = null;
  let engine: object[] | undefined;
  return {
    envelopes,
    plain: envelopes.every(isPlain),
    frame() {
      if (joined === null) joined = join(envelopes);
      return joined;
    },
    engine() {
      engine ??= envelopes.map((envelope) => envelope.engine);
      return engine;
    },
  };
}

const isPlain = ({ header, id }: Envelope, i: number, envelopes: Envelope[]) =>
  !header.volatile && !header.except && (i === 0 || (envelopes[i - 1] as Envelope).id < id);

function join(envelopes: Envelope[]): Buffer | undefined {
  if (envelopes.length === 1) return envelopes[0]?.frame;
  const frames = envelopes.flatMap(({ frame }) => frame ?? []);
  const bytes = frames.reduce((sum, { length }) => sum + length, 0);
  const fits = frames.length === envelopes.length && bytes <= joinedBytesMax;
  return fits ? Buffer.concat(frames, bytes) : undefined;
}

export type SocketWriter = ReturnType<typeof createSocketWriter>;

export function createSocketWriter() {
  // Of this turn of the event loop: those that were written to, and those whose further writes wait
  // for its end.
  const written = new Set<Duplex>();
  const corked = new Set<Duplex>();

  return {
    send(client: object, batch: Batch): void {
      const { conn } = client as Client;
      const stream = directStream(conn, corked);
      const frame = stream && batch.frame();
      if (!stream || !frame) {
        for (const { packets, options } of batch.envelopes) {
          (client as Client).writeToEngine(packets, options);
        }
        return;
      }
      announce(conn, batch);
      if (written.has(stream) && !corked.has(stream)) {
        stream.cork();
        corked.add(stream);
      }
      written.add(stream);
      stream.write(frame);
    },
    /** The turn of the event loop is over: one more write for each that got more than one. */
    end(): void {
      for (const stream of corked) stream.uncork();
      corked.clear();
      written.clear();
    },
  };
}

/**
 * The TCP connection, when the kernel has everything that was written before this turn of the event
 * loop.
 */
function directStream(conn: Connection, corked: Set<Duplex>): Duplex | undefined {
  const { readyState, upgrading, writeBuffer, transport } = conn;
  if (readyState !== 'open' || upgrading || writeBuffer.length > 0) return;
  if (!transport.writable || transport.name !== 'websocket' || transport.perMessageDeflate) return;
  const { readyState: state, _socket: stream } = transport.socket;
  if (state !== webSocketOpen || !stream) return;
  return stream.writableLength === 0 || corked.has(stream) ? stream : undefined;
}

/** The events of Engine.IO by which others count and measure, if they do. */
function announce(conn: Connection, { engine }: Batch): void {
  const { server } = conn;
  if (conn.listenerCount('packetCreate') > 0) {
    for (const packet of engine()) conn.emit('packetCreate', packet);
  }
  if (conn.listenerCount('flush') > 0) conn.emit('flush', engine());
  if (server.listenerCount('flush') > 0) server.emit('flush', conn, engine());
  conn.emit('drain');
  server.emit('drain', conn);
}
