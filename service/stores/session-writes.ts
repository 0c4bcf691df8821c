// Writes the memberships of this process's sessions: batched per event-loop turn, always as a
// whole, and again until they succeed.
import type {
  Memberships,
  SessionState,
  SessionWrite,
  Untold,
  WriteOutcome,
} from './memberships.ts';

/** A session of this process. */
export interface Entry {
  readonly sid: string;
  readonly epoch: number;
  readonly owner: string;
  readonly userId: string;
  state: SessionState;
  /** The rooms that it has now. */
  rooms(): string[];
  /** Rooms that it is joining or leaving. They do not count. */
  readonly changing: Set<string>;
  /** The rooms of the last successful write. */
  written: Set<string>;
  /** Whether the stored rooms may differ from `written`. */
  isUncertain: boolean;
  /** Writes without an answer. */
  underWay: number;
}

interface Due {
  entry: Entry;
  write: SessionWrite;
  result: PromiseWithResolvers<WriteOutcome>;
}

const sessionsAtOnceMax = 100;
const roomsAtOnceMax = 1_000;
const retriedAtOnceMax = 1_000;

export type SessionWrites = ReturnType<typeof createSessionWrites>;

/** @param entries the sessions of this process, by socket id. Those that are over are removed. */
export function createSessionWrites(
  memberships: Pick<Memberships, 'write'>,
  entries: Map<string, Entry>,
  tell: (untold: Untold[]) => void,
) {
  let marked = new Map<Entry, PromiseWithResolvers<WriteOutcome>>();
  const failed = new Set<Entry>();
  const underWay = new Set<Promise<void>>();

  const mark = (entry: Entry): Promise<WriteOutcome> => {
    const known = marked.get(entry);
    if (known) return known.promise;
    const result = Promise.withResolvers<WriteOutcome>();
    result.promise.catch(() => {}); // it is retried
    if (marked.size === 0) setImmediate(flush);
    marked.set(entry, result);
    return result.promise;
  };
  const send = async (chunk: Due[]) => {
    for (const { entry } of chunk) entry.underWay += 1;
    try {
      const { outcomes, untold } = await memberships.write(chunk.map(({ write }) => write));
      tell(untold);
      for (const [i, due] of chunk.entries()) succeed(due, outcomes[i] as WriteOutcome, entries);
    } catch (error) {
      for (const due of chunk) failed.add(fail(due, error));
    }
  };
  const flush = () => {
    const due = [...marked].flatMap(([entry, result]) => {
      const write = writeOf(entry);
      if (write) return { entry, write, result };
      forgetIfOver(entry, entries);
      result.resolve('ok');
      return [];
    });
    marked = new Map();
    for (const chunk of chunksOf(due)) {
      const sending = send(chunk).finally(() => underWay.delete(sending));
      underWay.add(sending);
    }
  };

  return {
    /**
     * Writes the session soon, unless it is stored already. Rejects with `Unavailable`; it is then
     * written by `retry`.
     */
    mark,
    /** Writes again what failed. @param all whether to write every session of this process */
    async retry(all: boolean): Promise<void> {
      const again = [...new Set([...failed, ...(all ? entries.values() : [])])];
      failed.clear();
      for (const entry of again) entry.isUncertain = true;
      for (let at = 0; at < again.length; at += retriedAtOnceMax) {
        await Promise.allSettled(again.slice(at, at + retriedAtOnceMax).map(mark));
      }
    },
    /** Resolves once the writes that are due have ended. */
    async close(): Promise<void> {
      flush();
      await Promise.allSettled(underWay);
    },
  };
}

function succeed(
  { entry, write, result }: Due,
  outcome: WriteOutcome,
  entries: Map<string, Entry>,
): void {
  entry.written = new Set(write.rooms.map(({ roomId }) => roomId));
  entry.underWay -= 1;
  entry.isUncertain = false;
  if (entry.state === 'claimed') entry.state = 'live';
  if (outcome !== 'ok') entry.state = 'ended'; // another process has it, or it was refused
  forgetIfOver(entry, entries);
  result.resolve(outcome);
}

function fail({ entry, write, result }: Due, error: unknown): Entry {
  const kept = new Set(write.rooms.map(({ roomId }) => roomId));
  for (const roomId of entry.written) if (!kept.has(roomId)) entry.written.delete(roomId); // or not
  entry.underWay -= 1;
  entry.isUncertain = true;
  result.reject(error);
  return entry;
}

function forgetIfOver(entry: Entry, entries: Map<string, Entry>): void {
  const isOver = entry.state === 'waiting' || entry.state === 'ended';
  if (isOver && entries.get(entry.sid) === entry) entries.delete(entry.sid);
}

/** The write of a session, or `undefined` if all of it is stored. */
function writeOf(entry: Entry): SessionWrite | undefined {
  const { sid, epoch, userId, owner, state, written } = entry;
  const roomIds = state === 'ended' ? [] : entry.rooms();
  const isSame = roomIds.length === written.size && roomIds.every((id) => written.has(id));
  const isStored = isSame && (state === 'live' || (state !== 'claimed' && written.size === 0));
  if (isStored && !entry.isUncertain && entry.underWay === 0) return undefined;
  const rooms = roomIds.map((roomId) => ({ roomId, isNew: !written.has(roomId) }));
  return { sid, epoch, userId, owner, state, rooms };
}

function chunksOf(due: Due[]): Due[][] {
  const chunks: Due[][] = [];
  let rooms = 0;
  for (const item of due) {
    const last = chunks.at(-1);
    const own = item.write.rooms.length;
    rooms += own;
    if (last && last.length < sessionsAtOnceMax && rooms <= roomsAtOnceMax) last.push(item);
    else {
      chunks.push([item]);
      rooms = own;
    }
  }
  return chunks;
}
