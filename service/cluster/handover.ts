// Closes gaps of node:cluster and @socket.io/sticky in the handover of a connection to a worker.
// Until the worker has accepted it, the primary would keep reading and drop the data: the end of a
// request, or the first WebSocket frames. If the worker exits first, it would stay open.
import cluster, { type Worker } from 'node:cluster';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

interface Handover {
  /** Sent, but not yet accepted by the worker. */
  _pendingMessage?: { handle?: { close(): void } } | null;
  /** The backlog behind it. */
  _handleQueue?: { handle?: { destroy(): void } }[] | null;
}

/** A worker announces a session that it is about to open. */
export interface SessionMessage {
  type: 'mooring:session';
  sid: string;
}

/** Forks a worker that is offered no connections yet and leaves none open when it exits. */
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
  worker.once('exit', () => closePending(worker));
  return worker;
}

/** Sticky learns of a session only after it is open; the client's next request may be faster. */
function bind(worker: Worker, sid: string): void {
  cluster.emit('message', worker, { type: 'sticky:connection', data: sid });
  count(worker, -1); // the event counted it, and it is counted again when it opens
}

/** `pause()` would still read into a buffer that is not handed over. */
function stopReading(socket: Socket): void {
  (socket as { _handle?: { readStop(): void } | null })._handle?.readStop();
}

function closePending({ process }: Worker): void {
  const { _pendingMessage, _handleQueue } = process as unknown as Handover;
  _pendingMessage?.handle?.close();
  for (const { handle } of _handleQueue ?? []) handle?.destroy();
}

/**
 * Closes a connection once the answer is written. Requests with a body stay with the primary, and
 * sticky ends only the response: both sides would stay open and keep reading.
 */
export function closeAnswered(connection: Duplex): void {
  connection.once('finish', () => connection.destroy());
}

const unreadyOffset = 1_000_000; // larger than any worker's number of connections

/** Offers new connections to this worker or not: sticky picks the worker with the fewest. */
export function offer(worker: Worker, ready: boolean): void {
  const offered = count(worker, 0) < unreadyOffset / 2;
  if (offered !== ready) count(worker, (ready ? -1 : 1) * unreadyOffset);
}

/** Adds to the number of connections that sticky assumes for a worker. */
function count(worker: Worker & { clientsCount?: number }, more: number): number {
  worker.clientsCount = (worker.clientsCount ?? 0) + more;
  return worker.clientsCount;
}
