// What the primary hands to a worker that cannot take it. Node itself forgets such connections when
// the worker dies and leaves them open, so that their clients wait for their time-outs.
import cluster, { type Worker } from 'node:cluster';

interface Handover {
  /** Sent, and not yet taken by the worker. */
  _pendingMessage?: { handle?: { close(): void } } | null;
  /** What waits behind it. */
  _handleQueue?: { handle?: { destroy(): void } }[] | null;
}

/** A worker that is offered no connections yet, and leaves none open when it dies. */
export function forkWorker(): Worker {
  const worker = cluster.fork();
  offer(worker, false);
  worker.once('exit', () => closeUntaken(worker));
  return worker;
}

function closeUntaken({ process }: Worker): void {
  const { _pendingMessage, _handleQueue } = process as unknown as Handover;
  _pendingMessage?.handle?.close();
  for (const { handle } of _handleQueue ?? []) handle?.destroy();
}

const unready = 1_000_000; // more connections than any worker has

/** Whether new connections go to this worker; the sticky primary picks the one with the fewest. */
export function offer(worker: Worker, ready: boolean): void {
  const count = (worker as { clientsCount?: number }).clientsCount ?? 0;
  const offered = count < unready / 2;
  if (offered !== ready)
    Object.assign(worker, { clientsCount: count + (ready ? -1 : 1) * unready });
}
