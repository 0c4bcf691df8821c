// What Node leaves undone when the primary hands a connection to a worker. Until the worker has
// taken it the primary goes on reading, and drops what it reads: the end of a request, or the first
// frames of a WebSocket. When the worker dies before that, the connection stays open for nobody.
import cluster, { type Worker } from 'node:cluster';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

interface Handover {
  /** Sent, and not yet taken by the worker. */
  _pendingMessage?: { handle?: { close(): void } } | null;
  /** What waits behind it. */
  _handleQueue?: { handle?: { destroy(): void } }[] | null;
}

/** A worker that is offered no connections yet, and leaves none open when it dies. */
export function forkWorker(): Worker {
  const worker = cluster.fork();
  const send = worker.send.bind(worker) as (...args: unknown[]) => boolean;
  worker.send = (message: unknown, ...rest: unknown[]) => {
    if (rest[0] instanceof Socket) stopReading(rest[0]);
    return send(message, ...rest);
  };
  offer(worker, false);
  worker.once('exit', () => closeUntaken(worker));
  return worker;
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
  const count = (worker as { clientsCount?: number }).clientsCount ?? 0;
  const offered = count < unready / 2;
  if (offered !== ready)
    Object.assign(worker, { clientsCount: count + (ready ? -1 : 1) * unready });
}
