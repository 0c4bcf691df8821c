// Judges presence: who is in a room while clients move, and what they are notified of.
//
// A user is in a room from the answer to a join until the call of a leave, or until the session may
// have ended, wherever its connection is. At the end, with everything mended, presence is exactly
// {rooms of live or recoverable sessions}: those of connected clients, which their pods tell, and
// those of clients that are gone for good without a word.
//
// Changes of one user in one room alternate, the first one is a join, the last one says what
// presence says at the end, and nobody is notified twice, unless Redis's clock stepped forward and
// the idempotency key of the change expired.
import { type ClientRecord, type History, hasForgotten } from './history.ts';
import { type Life, mayBeIn, stateAt, throughout } from './membership.ts';
import type { Violation } from './violation.ts';

export type Lives = ReadonlyMap<ClientRecord, Life[]>;
type Report = (client: string, at: number, text: string) => void;

export function judgePresence(history: History, lives: Lives): Violation[] {
  const violations: Violation[] = [];
  const reportTo =
    (kind: Violation['kind']): Report =>
    (client, at, text) =>
      violations.push({ kind, client, at, text });
  judgeReads(history, lives, reportTo('wrong presence'));
  judgeRooms(history, lives, reportTo('wrong rooms'));
  judgeFinal(history, lives, reportTo('wrong presence'));
  judgeChanges(history, lives, reportTo('wrongly told'));
  return violations;
}

/** The sessions of each user; an old connection has the session of its successor. */
function livesByUser(lives: Lives): Map<string, { record: ClientRecord; life: Life }[]> {
  const found = new Map<string, { record: ClientRecord; life: Life }[]>();
  for (const [record, all] of lives) {
    if (record.role === 'old' || record.role === 'intruder') continue;
    const theirs = found.get(record.user) ?? [];
    theirs.push(...all.map((life) => ({ record, life })));
    found.set(record.user, theirs);
  }
  return found;
}

const forgottenMs = 10_000; // until live sessions are stored again

function judgeReads(history: History, lives: Lives, report: Report): void {
  const users = livesByUser(lives);
  for (const { room, members, called, answered } of history.reads) {
    for (const [user, theirs] of users) {
      const isIn = members.includes(user);
      const certain = theirs.some(
        ({ life }) => life.mayEnd > answered && throughout(life, room, called, answered, 'yes'),
      );
      const isForgotten = hasForgotten(history, called - forgottenMs, answered);
      const name = theirs[0]?.record.name ?? user;
      if (certain && !isIn && !isForgotten) report(name, answered, `${user} is missing in ${room}`);
      if (isIn && !theirs.some(({ life }) => mayBeIn(life, room, called, answered))) {
        report(name, answered, `${user} is listed in ${room}`);
      }
    }
  }
}

/** What pods say of their sockets. */
function judgeRooms({ final }: History, lives: Lives, report: Report): void {
  if (!final) return;
  for (const [{ name, role }, all] of lives) {
    const life = all.at(-1);
    const rooms = life && final.rooms.get(life.sid);
    if (!rooms || role !== 'client') continue;
    for (const room of new Set([...rooms, ...life.rooms.keys()])) {
      const state = stateAt(life, room, final.at);
      const isIn = rooms.includes(room);
      if (state === (isIn ? 'no' : 'yes')) {
        report(name, final.at, `its socket is ${isIn ? '' : 'not '}in ${room}`);
      }
    }
  }
}

function judgeFinal(history: History, lives: Lives, report: Report): void {
  const { final } = history;
  if (!final) return;
  const users = livesByUser(lives);
  for (const [room, members] of final.members) {
    for (const user of members) {
      if (!users.has(user)) report('everyone', final.at, `the unknown ${user} is in ${room}`);
    }
    for (const [user, theirs] of users) {
      const states = theirs.map(({ record, life }) => finalState(history, record, life, room));
      const expected = states.includes('yes') ? 'yes' : states.includes('may') ? 'may' : 'no';
      const isIn = members.includes(user);
      if (expected !== (isIn ? 'no' : 'yes')) continue;
      const name = theirs[0]?.record.name ?? user;
      report(name, final.at, `${user} is ${isIn ? 'listed' : 'missing'} in ${room} at the end`);
    }
  }
}

function finalState(history: History, { role }: ClientRecord, life: Life, room: string) {
  const { at = 0, rooms } = history.final ?? {};
  if (role !== 'gone') {
    if (life.to !== Infinity) {
      return life.mayLinger && stateAt(life, room, life.to) !== 'no' ? 'may' : 'no';
    }
    return rooms?.get(life.sid)?.includes(room) ? 'yes' : 'no';
  }
  const isReplaced = rooms === undefined || life.mustEnd < at;
  if (isReplaced) return 'no';
  const state = stateAt(life, room, life.to);
  const isUncertain = life.mayEnd < at || hasForgotten(history, life.to, at);
  return state === 'yes' && isUncertain ? 'may' : state;
}

interface Change {
  change: 'joined' | 'left';
  room: string;
  user: string;
  offset: string;
  at: number;
}

function judgeChanges(history: History, lives: Lives, report: Report): void {
  const changes = readChanges(history, lives, report);
  if (!changes) return;
  const last = new Map<string, Change>();
  for (const one of changes) {
    const key = `${one.user} ${one.room}`;
    const before = last.get(key)?.change ?? 'left';
    if (before === one.change) {
      report('everyone', history.final?.at ?? 0, `${key}: ${one.change} twice, at ${one.offset}`);
    }
    last.set(key, one);
  }
  const { at = 0, members = new Map<string, string[]>() } = history.final ?? {};
  for (const [room, present] of members) {
    for (const user of livesByUser(lives).keys()) {
      const told = last.get(`${user} ${room}`)?.change ?? 'left';
      const isIn = present.includes(user);
      if ((told === 'joined') === isIn) continue;
      report('everyone', at, `${user} is ${isIn ? '' : 'not '}in ${room}, told last: ${told}`);
    }
  }
}

/** All changes in order, if a watcher had one session from the start to the end. */
function readChanges(history: History, lives: Lives, report: Report): Change[] | undefined {
  const all = new Map<string, Change>();
  let isComplete = false;
  for (const [{ name, events }, theirs] of lives) {
    const seen = new Set<string>();
    for (const event of events) {
      if (event.type !== 'presence') continue;
      const { id, at, offset } = event;
      const known = all.get(id);
      const isAgain = seen.has(id) || (known && known.offset !== offset);
      if (isAgain && !hasForgotten(history, known?.at ?? at, at)) {
        report(name, at, `change ${id} of ${event.user} in ${event.room} again`);
      }
      seen.add(id);
      if (!known) all.set(id, event);
    }
    const [first, ...more] = theirs;
    isComplete ||=
      first !== undefined && more.length === 0 && stateAt(first, 'watch', Infinity) === 'yes';
  }
  const inOrder = [...all.values()].sort((a, b) => (a.offset < b.offset ? -1 : 1));
  return isComplete ? inOrder : undefined;
}
