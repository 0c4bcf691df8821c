// Writes to clients. Frames go straight to the TCP connection of a WebSocket if nothing is queued
// before them. In all other cases Engine.IO queues the packets.
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Envelope } from './envelope.ts';

interface Client {
  conn: Connection;
  writeToEngine(packets: Envelope['packets'], options: Envelope['options']): void;
}

/** The members of Engine.IO's socket that are used here, most of them private. */
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

/** Envelopes for several sockets. Their bytes are joined once. */
export interface Batch {
  envelopes: Envelope[];
  /** True if every socket gets all of them: none is volatile or excludes a room, and ids rise. */
  plain: boolean;
  /** One frame for all envelopes, or `undefined` if one has no frame or they are too large. */
  frame(): Buffer | undefined;
  /** The Engine.IO packets of the envelopes. */
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
  // Connections that this event-loop turn has written to, and those corked until its end.
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
    /** Ends the event-loop turn: flushes the corked connections, with one write each. */
    end(): void {
      for (const stream of corked) stream.uncork();
      corked.clear();
      written.clear();
    },
  };
}

/**
 * The TCP connection, if the kernel has taken everything that was written before this turn.
 */
function directStream(conn: Connection, corked: Set<Duplex>): Duplex | undefined {
  const { readyState, upgrading, writeBuffer, transport } = conn;
  if (readyState !== 'open' || upgrading || writeBuffer.length > 0) return;
  if (!transport.writable || transport.name !== 'websocket' || transport.perMessageDeflate) return;
  const { readyState: state, _socket: stream } = transport.socket;
  if (state !== webSocketOpen || !stream) return;
  return stream.writableLength === 0 || corked.has(stream) ? stream : undefined;
}

/** Emits the Engine.IO events that listeners use to count and measure. */
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
