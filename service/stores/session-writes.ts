// Writes the memberships of this process's sessions: batched per event-loop turn, always as a
// whole, and again until they succeed.
import type {
  Memberships,
  RoomWrite,
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
  /**
   * What it shows of its user, as JSON by room. `undefined` after a claim until it is read: writes
   * then leave what is stored.
   */
  presences: ReadonlyMap<string, string> | undefined;
  /**
   * The rooms that certainly are stored, of the last successful write and of all since, and what it
   * showed there.
   */
  written: Map<string, string>;
  /** Whether what is stored may differ from `written`. */
  isUncertain: boolean;
  /** Writes without an answer. */
  underWay: number;
}

interface Due {
  entry: Entry;
  write: SessionWrite;
  result: PromiseWithResolvers<WriteOutcome>;
}

const scriptsAtOnceMax = 4;
const sessionsAtOnceMax = 100; // per script
const roomsAtOnceMax = 1_000; // per script, unless a single session has more
const retriedAtOnceMax = 1_000;

/** Sessions that have to be written, in the order in which they changed. */
type Marked = Map<Entry, PromiseWithResolvers<WriteOutcome>>;

export type SessionWrites = ReturnType<typeof createSessionWrites>;

/** @param entries the sessions of this process, by socket id. Those that are over are removed. */
export function createSessionWrites(
  memberships: Pick<Memberships, 'write'>,
  entries: Map<string, Entry>,
  tell: (untold: Untold[]) => void,
) {
  const marked: Marked = new Map();
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
    chunk.forEach(begin);
    try {
      const written = await memberships.write(chunk.map(({ write }) => write));
      tell(written.untold);
      for (const [i, due] of chunk.entries()) {
        due.entry.presences ??= written.kept[i];
        succeed(due, written.outcomes[i] as WriteOutcome, entries);
      }
    } catch (error) {
      for (const due of chunk) failed.add(fail(due, error));
    }
  };
  /** Few scripts at once: each is answered in time, and a storm makes them larger. */
  const flush = () => {
    while (marked.size > 0 && underWay.size < scriptsAtOnceMax) {
      const chunk = take(marked, entries);
      if (chunk.length === 0) continue;
      const sending = send(chunk).finally(() => {
        underWay.delete(sending);
        flush();
      });
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
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}

/** What the write removes may be gone from now on, whatever the answer. */
function begin({ entry, write }: Due): void {
  const kept = new Set(write.rooms.map(({ roomId }) => roomId));
  entry.written = new Map([...entry.written].filter(([roomId]) => kept.has(roomId)));
  entry.underWay += 1;
}

function succeed(
  { entry, write, result }: Due,
  outcome: WriteOutcome,
  entries: Map<string, Entry>,
): void {
  const { keepsPresence, rooms } = write;
  const shownIn = (room: RoomWrite) =>
    keepsPresence ? (entry.presences?.get(room.roomId) ?? '') : room.presence;
  entry.written = new Map(rooms.map((room) => [room.roomId, shownIn(room)]));
  entry.underWay -= 1;
  entry.isUncertain = false;
  if (entry.presences?.size) entry.presences = presencesOf(entry, entry.presences);
  if (entry.state === 'claimed') entry.state = 'live';
  if (outcome !== 'ok') entry.state = 'ended'; // another process has it, or it was refused
  forgetIfOver(entry, entries);
  result.resolve(outcome);
}

/** Those of the rooms that the session is in: it may have left some without `leave`. */
function presencesOf(entry: Entry, presences: ReadonlyMap<string, string>) {
  const rooms = new Set([...entry.rooms(), ...entry.changing]);
  return new Map([...presences].filter(([roomId]) => rooms.has(roomId)));
}

function fail({ entry, result }: Due, error: unknown): Entry {
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
  const { sid, epoch, userId, owner, state, written, presences } = entry;
  const roomIds = state === 'ended' ? [] : entry.rooms();
  const shownIn = (roomId: string) => presences?.get(roomId) ?? '';
  const isWritten = (roomId: string) => written.get(roomId) === shownIn(roomId);
  const isSame = roomIds.length === written.size && roomIds.every(isWritten);
  const isStored = isSame && (state === 'live' || (state !== 'claimed' && written.size === 0));
  if (isStored && !entry.isUncertain && entry.underWay === 0) return undefined;
  const rooms = roomIds.map((roomId) => ({
    roomId,
    isNew: !written.has(roomId),
    presence: shownIn(roomId),
  }));
  return { sid, epoch, userId, owner, state, rooms, keepsPresence: presences === undefined };
}

/** Takes the sessions of one script. Those that are stored already are done. */
function take(marked: Marked, entries: Map<string, Entry>): Due[] {
  const chunk: Due[] = [];
  let rooms = 0;
  for (const [entry, result] of marked) {
    const write = writeOf(entry);
    rooms += write?.rooms.length ?? 0;
    if (chunk.length === sessionsAtOnceMax || (chunk.length > 0 && rooms > roomsAtOnceMax)) break;
    marked.delete(entry);
    if (write) chunk.push({ entry, write, result });
    else {
      forgetIfOver(entry, entries);
      result.resolve('ok');
    }
  }
  return chunk;
}
