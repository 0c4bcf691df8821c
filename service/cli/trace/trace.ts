// Follows one user on the whole fleet, through the operations port of one replica.
import { setTimeout as sleep } from 'node:timers/promises';
import { isoOf } from '../../lib/wall-clock.ts';
import type { TrailEvent } from '../../telemetry/trail/event.ts';
import { createTraceClient, persist, type TraceClient } from './client.ts';
import { createLines } from './line.ts';
import type { TraceOptions } from './options.ts';
import { createOrder } from './order.ts';

export { TraceFailed, Unreachable } from './client.ts';

const readMs = 300;
const unreachableMsMax = 25_000; // an unread trace ends after 30 s

interface Output {
  /** An event. */
  print(line: string): void;
  /** About the trace itself. */
  note(sentence: string): void;
}

/**
 * Resolves when the trace is over or `signal` aborts.
 * @throws {TraceFailed | Unreachable}
 */
export async function runTrace(options: TraceOptions, output: Output, signal: AbortSignal) {
  const client = createTraceClient(options);
  const { id, endsAt } = await client.start(options.userId);
  const until = isoOf(endsAt).slice(11, 19);
  output.note(`Following ${options.userId} until ${until}Z; press Ctrl-C to stop.`);
  try {
    await follow(client, { ...options, id }, output, signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await client.stop(id).catch(() => {}); // it ends by itself when nobody reads it
  }
}

async function follow(
  client: TraceClient,
  { id, pod, json }: TraceOptions & { id: string },
  { print, note }: Output,
  signal: AbortSignal,
): Promise<void> {
  const order = createOrder();
  const lineOf = createLines();
  const show = (events: TrailEvent[]) => {
    for (const event of events) {
      if (pod !== undefined && event.pod !== pod) continue;
      print(json ? JSON.stringify(event) : lineOf(event));
    }
  };
  const waiting = (why: string) => note(`${why}; trying again`);
  const policy = { msMax: unreachableMsMax, signal, waiting };
  try {
    for (let after = 0; ; ) {
      const read = await persist(() => client.read(id, after), policy);
      after = read.next;
      if (read.lost > 0) note(`${read.lost} events were lost because they were not read in time`);
      order.add(read.events);
      show(order.take(read.now));
      if (read.now + readMs >= read.endsAt) return note('The trace has reached its time limit.');
      if (signal.aborted) return;
      await sleep(readMs, undefined, { signal }).catch(() => {});
    }
  } finally {
    show(order.take());
  }
}
