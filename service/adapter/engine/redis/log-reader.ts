// Reads many logs in bounded steps, so that none blocks Redis for long. Logs without new entries
// are skipped.
import type { LogPart, LogPosition, ReadLimits } from '../engine.ts';
import { readLogs as script } from './scripts.ts';
import { chunks } from './subscriptions.ts';

const stepEntries = 2_000; // per script call, which takes Redis a few milliseconds
const stepBytes = 1_048_576;

/** Runs a script. Strings are returned as Buffers. */
type Read = (script: { lua: string }, keys: string[], args: string[]) => Promise<unknown>;
type Found = [place: number, status: Buffer, ...entries: Buffer[]];

/**
 * Reads logs.
 * @param limits for the total. Logs beyond them that have new entries are `too_much`.
 */
export async function readLogs(
  read: Read,
  positions: LogPosition[],
  limits: ReadLimits,
): Promise<LogPart[]> {
  const parts: LogPart[] = [];
  const left = { ...limits };
  for (const chunk of chunks(positions)) parts.push(...(await readChunk(read, chunk, left)));
  return parts;
}

async function readChunk(
  read: Read,
  positions: LogPosition[],
  left: ReadLimits,
): Promise<LogPart[]> {
  const sources = positions.map(
    ({ log, after }): Source => ({
      log,
      after,
      part: { status: 'ok', entries: [] },
    }),
  );
  for (let pending = sources; pending.length > 0; ) {
    const args = [stepEntries, stepBytes, ...pending.map(({ after }) => after)].map(String);
    const keys = pending.map(({ log }) => log);
    const [finished, ...found] = (await read(script, keys, args)) as [number, ...Found[]];
    for (const [number, status, ...entries] of found) {
      const source = pending[number - 1] as Source;
      if (String(status) === 'trimmed') source.part = { status: 'trimmed' };
      else take(source, entries, left);
    }
    pending = pending.slice(finished);
    // An unfinished log beyond the limits must not be read further.
    if (pending[0]?.part.status === 'too_much') pending = pending.slice(1);
  }
  return sources.map(({ part }) => part);
}

interface Source extends LogPosition {
  part: LogPart;
}

function take(source: Source, entries: Buffer[], left: ReadLimits): void {
  const { part } = source;
  for (let i = 0; i < entries.length; i += 2) {
    const [id, payload] = [String(entries[i]), entries[i + 1] as Buffer];
    source.after = id;
    if (id > left.upTo) continue;
    left.messagesMax -= 1;
    left.bytesMax -= payload.length;
    if (left.messagesMax < 0 || left.bytesMax < 0) source.part = { status: 'too_much' };
    else if (part.status === 'ok') part.entries.push({ id, payload });
  }
}
