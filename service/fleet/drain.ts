// Closing every connection at a pace that the other replicas can take. What closes is the
// transport: a stock client then comes back by itself, which it does not after a disconnect.
import { setTimeout as sleep } from 'node:timers/promises';

export interface Connection {
  readyState: string;
  transport: { name: string };
  /** Epoch milliseconds. */
  openedAt: number;
  close(): void;
}

interface Drain {
  connections: () => Connection[];
  /** Time for proxies to learn that this replica is not ready; 0: there is nothing to learn. */
  endpointDelayMs: number;
  /** Time over which the connections are closed, when there are many. */
  drainMsMax: number;
  /** Told when proxies have had that time. */
  closing?(): void;
  /** Asked before each close; false ends the drain with the others left open. */
  wanted?(): boolean;
}

const pollingMsMax = 800; // proxies cut polling from a replica that is not ready at once
const closeMsMax = 100; // for each connection: a few need no long drain
const sweepMsMax = 2_000;
const sweepStepMs = 50;
const always = () => true;

/** To be called after new handshakes are refused. Resolves when no connection is left. */
export async function drain(parts: Drain): Promise<void> {
  const { connections, endpointDelayMs, drainMsMax, wanted = always } = parts;
  if (endpointDelayMs > 0) {
    const polling = connections().filter(({ transport }) => transport.name === 'polling');
    await Promise.all([
      closePaced(polling, Math.min(pollingMsMax, drainMsMax)),
      sleep(endpointDelayMs),
    ]);
  }
  parts.closing?.();
  const open = connections();
  await closePaced(open, Math.min(drainMsMax, open.length * closeMsMax), wanted);
  const end = Date.now() + sweepMsMax;
  while (connections().length > 0 && Date.now() < end && wanted()) {
    for (const connection of connections()) connection.close(); // those that came meanwhile
    await sleep(sweepStepMs);
  }
}

/** Closes in random order, each at a random point of its own slice of the time. */
export async function closePaced(
  connections: Connection[],
  ms: number,
  wanted: () => boolean = always,
): Promise<void> {
  const startedAt = Date.now();
  const slice = ms / connections.length;
  for (const [position, connection] of shuffled(connections).entries()) {
    const wait = startedAt + slice * (position + Math.random()) - Date.now();
    if (wait > 1) await sleep(wait);
    if (!wanted()) return;
    if (connection.readyState === 'open') connection.close();
  }
}

function shuffled<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
