// Reads many logs in bounded steps, so that none blocks Redis for long. Logs without new entries
// are skipped.
import type { Id } from '../../delivery/envelope.ts';
import type { LogPart, LogPosition, ReadLimits } from '../engine.ts';
import { type Keys, positionKeys } from './keys.ts';
import { readLogs as script } from './log-scripts.ts';
import { chunks } from './subscriptions.ts';

// Per script call, which takes Redis about a millisecond. One entry may be larger.
const stepEntries = 400;
const stepBytes = 262_144;

/** Runs a script. Strings are returned as Buffers. */
type Read = (script: { lua: string }, keys: string[], args: string[]) => Promise<unknown>;
type Found = [place: number, status: Buffer, ...entries: Buffer[]];

/** Which keys to read with, and how long a log is kept after its last message. */
interface Context {
  read: Read;
  keys: Keys;
  keepMs: number;
}

/** What one call has read so far. A message to several rooms counts once. */
interface Reading {
  left: ReadLimits;
  payloads: Map<Id, Buffer>;
}

/**
 * Reads logs.
 * @param limits for the total. Logs beyond them that have new entries are `too_much`.
 */
export async function readLogs(
  context: Context,
  positions: LogPosition[],
  limits: ReadLimits,
): Promise<LogPart[]> {
  const parts: LogPart[] = [];
  const reading: Reading = { left: { ...limits }, payloads: new Map() };
  for (const chunk of chunks(positions)) parts.push(...(await readChunk(context, chunk, reading)));
  return parts;
}

async function readChunk(
  { read, keys, keepMs }: Context,
  positions: LogPosition[],
  reading: Reading,
): Promise<LogPart[]> {
  const sources = positions.map(
    ({ log, after }): Source => ({
      log,
      after,
      part: { status: 'ok', entries: [] },
    }),
  );
  for (let pending = sources; pending.length > 0; ) {
    const budget = [keepMs, stepEntries, stepBytes, isSpent(reading) ? '1' : ''].map(String);
    const [finished, ...found] = (await read(
      script,
      [...positionKeys(keys), keys.shared, ...pending.map(({ log }) => log)],
      [...budget, ...pending.map(({ after }) => after)],
    )) as [number, ...Found[]];
    for (const [number, status, ...entries] of found) {
      const source = pending[number - 1] as Source;
      take(source, entries, reading);
      const name = String(status);
      if (name === 'trimmed' || name === 'too_much') source.part = { status: name };
    }
    pending = pending.slice(finished);
  }
  return sources.map(({ part }) => part);
}

interface Source extends LogPosition {
  part: LogPart;
}

const isSpent = ({ left }: Reading) => left.messagesMax < 0 || left.bytesMax < 0;

function take(source: Source, entries: Buffer[], reading: Reading): void {
  const { left, payloads } = reading;
  for (let i = 0; i < entries.length; i += 2) {
    const id = String(entries[i]);
    const payload = payloads.get(id) ?? (entries[i + 1] as Buffer);
    source.after = id;
    if (id > left.upTo) continue;
    if (!payloads.has(id)) {
      payloads.set(id, payload);
      left.messagesMax -= 1;
      left.bytesMax -= payload.length;
    }
    if (isSpent(reading)) source.part = { status: 'too_much' };
    else if (source.part.status === 'ok') source.part.entries.push({ id, payload });
  }
}
