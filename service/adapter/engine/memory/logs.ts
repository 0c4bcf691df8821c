// The logs of rooms in memory, bounded in entries, bytes and time.
import type { Id } from '../../delivery/envelope.ts';
import type { LogPart, ReadLimits } from '../engine.ts';

interface Log {
  entries: { id: Id; payload: Buffer }[];
  bytes: number;
  /** Entries up to this id may have been dropped. */
  trimmedTo: Id;
  /** By `performance.now()`. */
  expiresAt: number;
}

export interface LogLimits {
  entriesMax: number;
  bytesMax: number;
  /** TTL of a log after its last entry. */
  keepMs: number;
}

/** What one call has read so far. A message to several rooms counts once. */
export interface Reading {
  left: ReadLimits;
  ids: Set<Id>;
}

const expiryMarginMs = 10_000; // ids may be ahead of the clock by a burst

/** @param horizon returns the id up to which a log may have expired */
export function createLogs({ entriesMax, bytesMax, keepMs }: LogLimits, horizon: () => Id) {
  const logs = new Map<string, Log>();
  const drop = (log: Log) => {
    const dropped = log.entries.shift();
    if (!dropped) return;
    log.bytes -= dropped.payload.length;
    log.trimmedTo = dropped.id;
  };
  const find = (name: string): Log => {
    const known = logs.get(name);
    if (known && known.expiresAt > performance.now()) return known;
    return { entries: [], bytes: 0, trimmedTo: horizon(), expiresAt: 0 };
  };
  return {
    /** Returns true if the log dropped entries to stay within `bytesMax`. */
    append(name: string, id: Id, payload: Buffer): boolean {
      const log = find(name);
      log.entries.push({ id, payload });
      log.bytes += payload.length;
      log.expiresAt = performance.now() + keepMs + expiryMarginMs;
      logs.set(name, log);
      if (log.entries.length > entriesMax) drop(log);
      const tooLarge = log.bytes > bytesMax;
      while (log.bytes > bytesMax) drop(log);
      return tooLarge;
    },
    read(name: string, after: Id, { left, ids }: Reading): LogPart {
      const log = find(name);
      if (log.trimmedTo > after) return { status: 'trimmed' };
      const entries = log.entries.filter(({ id }) => id > after && id <= left.upTo);
      for (const { id, payload } of entries) {
        if (ids.has(id)) continue;
        ids.add(id);
        left.messagesMax -= 1;
        left.bytesMax -= payload.length;
      }
      const fits = left.messagesMax >= 0 && left.bytesMax >= 0;
      return entries.length === 0 || fits ? { status: 'ok', entries } : { status: 'too_much' };
    },
    /** Deletes expired logs. */
    sweep(): void {
      const now = performance.now();
      for (const [name, { expiresAt }] of logs) if (expiresAt <= now) logs.delete(name);
    },
  };
}
