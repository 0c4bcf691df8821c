// Catches up after an outage: reads every room of this process from its last position, so that live
// sockets receive each missed message exactly once.
import { type Id, unknown } from '../delivery/envelope.ts';
import type { Engine, LogPart } from '../engine/engine.ts';
import type { Observer } from '../options.ts';
import { messagesOf } from './log-part.ts';

const logsAtOnce = 1_000; // per step; finished steps survive a failure
const limits = { messagesMax: 100_000, bytesMax: 64 * 1024 * 1024 }; // per step

export interface CatchUpSource {
  log: string;
  /** Everything up to this id has arrived. */
  after: Id;
  receive(id: Id, payload: Buffer): void;
  /** A part of the log was lost or cannot be read. Its sockets must reconnect with new sessions. */
  broken(): void;
}

interface Parts {
  lastSeen(): Id;
  sources(): CatchUpSource[];
  seen(id: Id): void;
  caughtUp(messages: number): void;
  /** Whether the outage outlasted the logs. */
  lostFor(): boolean;
  forgetAll(): void;
  unreadable: Observer['unreadable'];
}

/** The entries read from a log so far, and up to which id. */
interface Progress {
  upTo: Id;
  entries: { id: Id; payload: Buffer }[];
  broken: boolean;
}

/**
 * Returns a function that delivers missed messages and resolves to the id up to which it did. After
 * a failure the next call continues where it stopped, even after another outage.
 */
export function createCatchUp(engine: Engine, parts: Parts): () => Promise<Id> {
  const progress = new Map<string, Progress>(); // by log
  return async function catchUp() {
    const upTo = await engine.position();
    const isFirst = parts.lastSeen() === unknown;
    if (parts.lostFor()) parts.forgetAll();
    else if (!isFirst) {
      const due = parts.sources().filter(({ after }) => after < upTo);
      for (let i = 0; i < due.length; i += logsAtOnce) {
        await read(engine, due.slice(i, i + logsAtOnce), upTo, progress, parts.unreadable);
      }
      parts.caughtUp(deliver(due, progress, parts.seen));
    }
    progress.clear();
    parts.seen(upTo);
    return upTo;
  };
}

/** Continues to read some logs, up to an id. Later messages arrive on the channels. */
async function read(
  engine: Engine,
  sources: CatchUpSource[],
  upTo: Id,
  progress: Map<string, Progress>,
  unreadable: Observer['unreadable'],
): Promise<void> {
  const positions = sources.map(({ log, after }) => {
    const read = progress.get(log)?.upTo ?? unknown;
    return { log, after: read > after ? read : after };
  });
  const found = await engine.readLogs(positions, { ...limits, upTo });
  for (const [i, { log, after }] of positions.entries()) {
    const part = found[i] as LogPart;
    const known = progress.get(log) ?? { upTo, entries: [], broken: false };
    const messages = messagesOf(part, unreadable);
    if (typeof messages === 'string') known.broken = true;
    else {
      known.entries.push(...messages.filter(({ id }) => id > after && id <= upTo));
    }
    progress.set(log, { ...known, upTo });
  }
}

/**
 * Delivers in publish order over all logs. Sockets skip messages that they have already received.
 */
function deliver(
  sources: CatchUpSource[],
  progress: Map<string, Progress>,
  seen: (id: Id) => void,
): number {
  const byLog = new Map(sources.map((source) => [source.log, source]));
  const missed: { id: Id; payload: Buffer; source: CatchUpSource }[] = [];
  for (const [log, { entries, broken }] of progress) {
    const source = byLog.get(log);
    if (broken) source?.broken();
    else if (source) for (const entry of entries) missed.push({ ...entry, source });
  }
  missed.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  for (const { id, payload, source } of missed) {
    seen(id);
    source.receive(id, payload);
  }
  return missed.length;
}
