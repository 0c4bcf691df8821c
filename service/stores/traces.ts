// Traces: the users that are followed on every process, and the events recorded for them.

export interface Trace {
  id: string;
  userId: string;
  /** Rooms, with their namespaces, that the user's sockets are or were in. */
  places: string[];
}

export interface TraceEvents {
  userId: string;
  /** Oldest first, as they were appended. */
  events: string[];
  /** How many events after the cursor are no longer stored. */
  lost: number;
  /** The cursor for the next read. */
  next: number;
  /** Epoch milliseconds. */
  endsAt: number;
}

/** The methods reject with `Unavailable`. */
export interface Traces {
  /** Resolves to id and end (epoch milliseconds), or to `undefined` if too many are running. */
  start(userId: string): Promise<{ id: string; endsAt: number } | undefined>;
  running(): Promise<Trace[]>;
  /** Does nothing if the trace has ended. */
  append(id: string, places: string[], events: string[]): Promise<void>;
  /** Events after a cursor, which starts at 0. Resolves to `undefined` if the trace has ended. */
  read(id: string, after: number): Promise<TraceEvents | undefined>;
  stop(id: string): Promise<void>;
}

export const traceLimits = {
  /** Traces at once, on the whole fleet. */
  tracesMax: 5,
  /** Milliseconds after which a trace ends. */
  traceMsMax: 900_000,
  /** Milliseconds without a read after which an abandoned trace ends. */
  idleMsMax: 30_000,
  /** Events that a trace stores. The oldest are dropped first. */
  eventsMax: 1_000,
  /** Events that one read returns. */
  readEventsMax: 500,
  /** Places of a trace whose publishes are recorded. Deliveries are always recorded. */
  placesMax: 500,
};
