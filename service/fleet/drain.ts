// Closes every connection at a pace that the other replicas can absorb. It closes the transport,
// because a stock client reconnects after that and does not after `disconnect()`.
import { setTimeout as sleep } from 'node:timers/promises';

export interface Connection {
  readyState: string;
  transport: { name: string };
  /** By `performance.now()`. */
  openedAt: number;
  close(): void;
}

interface Drain {
  connections: () => Connection[];
  /** How long proxies need to notice that this replica is not ready; 0: no proxy has to. */
  endpointDelayMs: number;
  /** Upper bound for the time over which connections are closed. */
  drainMsMax: number;
  /** Called when the endpoint delay is over and closing starts. */
  onClosing?(): void;
  /** Checked before each close; `false` stops the drain and leaves the rest open. */
  wanted?(): boolean;
}

const pollingMsMax = 800; // proxies stop sending polling requests to an unready replica at once
const closeMsMax = 100; // per connection: few connections do not need the full drain time
const sweepMsMax = 2_000;
const sweepStepMs = 50;
const always = () => true;

/** Call it once new handshakes are refused. Resolves when no connection is left. */
export async function drain(parts: Drain): Promise<void> {
  const { connections, endpointDelayMs, drainMsMax, wanted = always } = parts;
  if (endpointDelayMs > 0) {
    const polling = connections().filter(({ transport }) => transport.name === 'polling');
    await Promise.all([
      closePaced(polling, Math.min(pollingMsMax, drainMsMax)),
      sleep(endpointDelayMs),
    ]);
  }
  parts.onClosing?.();
  const open = connections();
  await closePaced(open, Math.min(drainMsMax, open.length * closeMsMax), wanted);
  const end = performance.now() + sweepMsMax;
  while (connections().length > 0 && performance.now() < end && wanted()) {
    for (const connection of connections()) connection.close(); // opened during the drain
    await sleep(sweepStepMs);
  }
}

/** Closes in random order, each connection at a random point of its own time slice. */
export async function closePaced(
  connections: Connection[],
  ms: number,
  wanted: () => boolean = always,
): Promise<void> {
  const startedAt = performance.now();
  const slice = ms / connections.length;
  for (const [position, connection] of shuffled(connections).entries()) {
    const wait = startedAt + slice * (position + Math.random()) - performance.now();
    if (wait > 1) await sleep(wait);
    if (!wanted()) return;
    if (connection.readyState === 'open') connection.close();
  }
}

export function shuffled<T>(items: T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .sort((a, b) => a.order - b.order)
    .map(({ item }) => item);
}
