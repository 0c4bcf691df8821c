// Traces in one process.
import { randomUUID } from 'node:crypto';
import { wallClockMs } from '../../lib/wall-clock.ts';
import { type TraceEvents, type Traces, traceLimits } from '../traces.ts';

interface Kept {
  userId: string;
  places: Set<string>;
  events: string[];
  /** How many events were ever appended. */
  count: number;
  /** Epoch milliseconds. */
  endsAt: number;
  /** By `performance.now()`, as the next. */
  endsAtMs: number;
  idleAtMs: number;
}

export function createMemoryTraces(limits = traceLimits): Traces {
  const { tracesMax, traceMsMax, idleMsMax, eventsMax, readEventsMax, placesMax } = limits;
  const traces = new Map<string, Kept>();
  const live = () => {
    const now = performance.now();
    for (const [id, { endsAtMs, idleAtMs }] of traces) {
      if (Math.min(endsAtMs, idleAtMs) <= now) traces.delete(id);
    }
    return traces;
  };
  return {
    async start(userId) {
      if (live().size >= tracesMax) return undefined;
      const id = randomUUID();
      const now = performance.now();
      const endsAt = wallClockMs() + traceMsMax;
      const times = { endsAt, endsAtMs: now + traceMsMax, idleAtMs: now + idleMsMax };
      traces.set(id, { userId, places: new Set(), events: [], count: 0, ...times });
      return { id, endsAt };
    },
    running: async () =>
      [...live()].map(([id, { userId, places }]) => ({ id, userId, places: [...places] })),
    async append(id, places, events) {
      const trace = live().get(id);
      if (!trace) return;
      for (const place of places) if (trace.places.size < placesMax) trace.places.add(place);
      trace.count += events.length;
      trace.events = [...trace.events, ...events].slice(-eventsMax);
    },
    async read(id, after): Promise<TraceEvents | undefined> {
      const trace = live().get(id);
      if (!trace) return undefined;
      trace.idleAtMs = performance.now() + idleMsMax;
      const { userId, count, endsAt } = trace;
      const kept = count - trace.events.length; // number of dropped events
      const from = Math.min(Math.max(after, kept), count);
      const events = trace.events.slice(from - kept, from - kept + readEventsMax);
      return {
        userId,
        events,
        lost: Math.max(0, kept - after),
        next: from + events.length,
        endsAt,
      };
    },
    async stop(id) {
      traces.delete(id);
    },
  };
}
