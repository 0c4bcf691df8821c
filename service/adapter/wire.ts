// Writes to clients: frames go straight to the TCP connection of a WebSocket where nothing waits
// before them; everywhere else Engine.IO queues the packets.
import type { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import type { Entry } from './entry.ts';

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

export function send(client: object, { frame, engine, packets, options }: Entry): void {
  const { conn } = client as Client;
  const stream = frame && idleStream(conn);
  if (stream) {
    announce(conn, engine);
    stream.write(frame);
  } else (client as Client).writeToEngine(packets, options);
}

/** The TCP connection, when the kernel has taken all that was written before. */
function idleStream({ readyState, upgrading, writeBuffer, transport }: Connection) {
  if (readyState !== 'open' || upgrading || writeBuffer.length > 0) return;
  if (!transport.writable || transport.name !== 'websocket' || transport.perMessageDeflate) return;
  const { readyState: state, _socket: stream } = transport.socket;
  return state === webSocketOpen && stream?.writableLength === 0 ? stream : undefined;
}

/** The events of Engine.IO by which others count and measure. */
function announce(conn: Connection, packets: object[]): void {
  for (const packet of packets) conn.emit('packetCreate', packet);
  conn.emit('flush', packets);
  conn.server.emit('flush', conn, packets);
  conn.emit('drain');
  conn.server.emit('drain', conn);
}
