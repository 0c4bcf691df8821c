// What Node and sticky leave undone between the primary and a worker. Until the worker has taken a
// connection, the primary goes on reading and drops what it reads: the end of a request, or the
// first frames of a WebSocket. When the worker dies before that, the connection stays open.
import cluster, { type Worker } from 'node:cluster';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

interface Handover {
  /** Sent, and not yet taken by the worker. */
  _pendingMessage?: { handle?: { close(): void } } | null;
  /** What waits behind it. */
  _handleQueue?: { handle?: { destroy(): void } }[] | null;
}

/** What a worker says of a session that it is about to open. */
export interface SessionMessage {
  type: 'mooring:session';
  sid: string;
}

/** A worker that is offered no connections yet, and leaves none open when it dies. */
export function forkWorker(): Worker {
  const worker = cluster.fork();
  const send = worker.send.bind(worker) as (...args: unknown[]) => boolean;
  worker.send = (message: unknown, ...rest: unknown[]) => {
    if (rest[0] instanceof Socket) stopReading(rest[0]);
    return send(message, ...rest);
  };
  worker.on('message', (message: SessionMessage) => {
    if (message.type === 'mooring:session') bind(worker, message.sid);
  });
  offer(worker, false);
  worker.once('exit', () => closeUntaken(worker));
  return worker;
}

/** Sticky hears of a session only when it is open: its client may be faster. */
function bind(worker: Worker, sid: string): void {
  cluster.emit('message', worker, { type: 'sticky:connection', data: sid });
  count(worker, -1); // that counted it, and will again when it is open
}

/** `pause` would still read, into a buffer that is not handed over. */
function stopReading(socket: Socket): void {
  (socket as { _handle?: { readStop(): void } | null })._handle?.readStop();
}

function closeUntaken({ process }: Worker): void {
  const { _pendingMessage, _handleQueue } = process as unknown as Handover;
  _pendingMessage?.handle?.close();
  for (const { handle } of _handleQueue ?? []) handle?.destroy();
}

/**
 * Closes a connection when the answer is written. Requests with a body stay with the primary, and
 * what sticky makes of them ends the answer only: both sides would stay, and take in what comes.
 */
export function closeAnswered(connection: Duplex): void {
  connection.once('finish', () => connection.destroy());
}

const unready = 1_000_000; // more connections than any worker has

/** Whether new connections go to this worker; the sticky primary picks the one with the fewest. */
export function offer(worker: Worker, ready: boolean): void {
  const offered = count(worker, 0) < unready / 2;
  if (offered !== ready) count(worker, (ready ? -1 : 1) * unready);
}

/** Adds to the connections that the sticky primary takes a worker to have. */
function count(worker: Worker & { clientsCount?: number }, more: number): number {
  worker.clientsCount = (worker.clientsCount ?? 0) + more;
  return worker.clientsCount;
}
