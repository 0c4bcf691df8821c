// Traces: which users are followed now, on every process, and what happened to them.

export interface Trace {
  id: string;
  userId: string;
  /** Where the user's sockets are or have been: rooms with their namespaces. */
  places: string[];
}

export interface TraceEvents {
  userId: string;
  /** Oldest first, as they were appended. */
  events: string[];
  /** Events after the cursor that are no longer kept. */
  lost: number;
  /** The cursor for the next read. */
  next: number;
  /** Epoch milliseconds. */
  endsAt: number;
}

/** Rejects with `Unavailable`, all of it. */
export interface Traces {
  /** Resolves to its id and end in epoch milliseconds; to nothing when too many are running. */
  start(userId: string): Promise<{ id: string; endsAt: number } | undefined>;
  running(): Promise<Trace[]>;
  /** Nothing happens when the trace has ended. */
  append(id: string, places: string[], events: string[]): Promise<void>;
  /** What came after a cursor, 0 at first. Resolves to nothing when the trace has ended. */
  read(id: string, after: number): Promise<TraceEvents | undefined>;
  stop(id: string): Promise<void>;
}

export const traceLimits = {
  /** Traces at once, on the whole fleet. */
  tracesMax: 5,
  /** Milliseconds after which a trace ends. */
  traceMsMax: 900_000,
  /** Milliseconds without a read after which it ends: nobody follows it any more. */
  idleMsMax: 30_000,
  /** Events of a trace that are kept until they are read; the oldest go first. */
  eventsMax: 1_000,
  /** Events that one read answers. */
  readEventsMax: 500,
  /** Places of a trace whose messages are told; deliveries are told everywhere. */
  placesMax: 500,
};
