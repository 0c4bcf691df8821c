// The logs of rooms in this process's memory, bounded in entries, bytes and time.
import { type Id, noId } from '../delivery/envelope.ts';
import type { LogPart, ReadLimits } from '../engine.ts';

interface Log {
  entries: { id: Id; payload: Buffer }[];
  bytes: number;
  /** The newest id that was dropped. */
  trimmedTo: Id;
  /** By `performance.now()`. */
  expiresAt: number;
}

export interface LogLimits {
  entriesMax: number;
  bytesMax: number;
  /** Milliseconds a log outlives its last entry. */
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
    /** True when the log lost entries because of their bytes. */
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
    /** @param left what may still be read, of which this takes its part */
    read(name: string, after: Id, left: ReadLimits): LogPart {
      const log = logs.get(name);
      if (!log) return { status: 'ok', entries: [] };
      if (log.trimmedTo > after) return { status: 'trimmed' };
      const entries = log.entries.filter(({ id }) => id > after);
      left.messagesMax -= entries.length;
      for (const { payload } of entries) left.bytesMax -= payload.length;
      const fits = left.messagesMax >= 0 && left.bytesMax >= 0;
      return entries.length === 0 || fits ? { status: 'ok', entries } : { status: 'too_much' };
    },
    /** Forgets the logs whose time is over. */
    sweep(): void {
      const now = performance.now();
      for (const [name, { expiresAt }] of logs) if (expiresAt <= now) logs.delete(name);
    },
  };
}
