// The logs of rooms in memory, bounded in entries, bytes and time.
import { type Id, noId } from '../../delivery/envelope.ts';
import type { LogPart, ReadLimits } from '../engine.ts';

interface Log {
  entries: { id: Id; payload: Buffer }[];
  bytes: number;
  /** The newest dropped id. */
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

export function createLogs({ entriesMax, bytesMax, keepMs }: LogLimits) {
  const logs = new Map<string, Log>();
  const drop = (log: Log) => {
    const dropped = log.entries.shift();
    if (!dropped) return;
    log.bytes -= dropped.payload.length;
    log.trimmedTo = dropped.id;
  };
  return {
    /** Returns true if the log dropped entries to stay within `bytesMax`. */
    append(name: string, id: Id, payload: Buffer): boolean {
      const log = logs.get(name) ?? { entries: [], bytes: 0, trimmedTo: noId, expiresAt: 0 };
      log.entries.push({ id, payload });
      log.bytes += payload.length;
      log.expiresAt = performance.now() + keepMs;
      logs.set(name, log);
      if (log.entries.length > entriesMax) drop(log);
      const tooLarge = log.bytes > bytesMax;
      while (log.bytes > bytesMax) drop(log);
      return tooLarge;
    },
    /** @param left the remaining read budget, which is reduced */
    read(name: string, after: Id, left: ReadLimits): LogPart {
      const log = logs.get(name);
      if (!log) return { status: 'ok', entries: [] };
      if (log.trimmedTo > after) return { status: 'trimmed' };
      const entries = log.entries.filter(({ id }) => id > after && id <= left.upTo);
      left.messagesMax -= entries.length;
      for (const { payload } of entries) left.bytesMax -= payload.length;
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
