// The model: what each client must receive, may receive, and must never receive.
//
// It knows only what clients and publishers know: when a request was called and when it was
// answered. In between it may have taken effect at any time, and a request that was not granted
// may or may not have taken effect. The following are violations; everything else is allowed.
//
// lost          An acknowledged message to everyone or to a room, if the client was a member of
//               the room, and of no excepted room, from the call of the publish until it received
//               a later message or the run ended. The whole time counts: a leave may overtake
//               messages in flight, and `except` is applied at delivery. A direct message whose pod
//               had the session was written without Redis: it counts unless a pod or Redis was
//               broken before the client was there again.
// duplicated    Anything that a session received twice.
// reordered     Offsets are the one total order. Violations: two clients see different offsets for
//               a message, a client receives a smaller one after a larger one, or the order
//               contradicts time (acknowledged before the other was called). A volatile or direct
//               packet carries the pod's position, which may repeat but must not decrease: the
//               client would ask again for messages it has received.
// leaked        A message while the client was certainly in none of its rooms; one from a time at
//               which it certainly was not; one while it was certainly in an excepted room from the
//               call on; or one for another session. A pod may lag behind the stream: messages from
//               shortly before a join, or from an outage before it, may arrive too.
// replayed      A question (with an acknowledgement) from before the connection was made.
// stale data    `socket.data` of a recovered session lacks an acknowledged change.
// recovered     Wrongly: the first connect, another user's session, with another socket id, or a
//               session that a backend or the client itself had ended (see endings.ts).
//               Wrongly not: a session with a granted join that nothing ended. Before its first
//               one it may have been lost with its pod; and Redis forgets who is disconnected if
//               its clock steps forward by more than the recovery window.
// stuck         A client that is not connected although all pods are healthy; an old connection
//               that is still open although its session was taken over, or ended by a backend; a
//               client that cannot join a room.
// presence      Who is in a room, and who is notified of it; see presence.ts.
//
// Volatile messages, questions and unacknowledged publishes are received at most once.

import { judgeData } from './data.ts';
import {
  type ClientEvent,
  type ClientRecord,
  type History,
  hasForgotten,
  nameOf,
  type Publish,
  resumeMsMax,
  whenOf,
} from './history.ts';
import { readLives, type Told } from './lives.ts';
import { type Life, possiblyBetween, stateAt, throughout } from './membership.ts';
import { disagreements, type Order, readOrder } from './order.ts';
import { lostMessages } from './owed.ts';
import { judgePresence } from './presence.ts';
import type { Violation } from './violation.ts';

export function judge(history: History): Violation[] {
  const { order, violations } = readOrder(history);
  violations.push(...disagreements(history, order));
  const lives = new Map<ClientRecord, Life[]>();
  for (const record of history.clients) {
    const found = judgeClient(history, record, order, lives);
    violations.push(...found.filter(({ at }) => at >= record.judgedFrom));
  }
  violations.push(...judgePresence(history, lives));
  return violations.sort((a, b) => a.at - b.at);
}

type Report = (kind: Violation['kind'], at: number, text: string) => void;

/** @param known receives the lives of the client */
function judgeClient(
  history: History,
  record: ClientRecord,
  order: Order,
  known: Map<ClientRecord, Life[]>,
): Violation[] {
  const violations: Violation[] = [];
  const report: Report = (kind, at, text) =>
    violations.push({ kind, client: record.name, at, text });
  const lagged = lagOf(history);
  const { lives, told } = readLives(history, record, report);
  known.set(record, lives);
  const life = (at: number) => lives.find(({ from, to }) => from <= at && at < to);
  for (const one of lives) {
    judgeSequence(
      told.filter(({ at }) => life(at) === one),
      history,
      report,
    );
  }
  for (const event of told) {
    if (event.type !== 'received') continue;
    const publish = history.publishes.get(event.n);
    const leak = leakOf(publish, event.at, life(event.at), lagged);
    if (leak) report('leaked', event.at, `${nameOf(publish, event.n)}: ${leak}`);
    else if (publish?.kind === 'question' && isReplay(record, publish, event.at, lagged)) {
      report('replayed', event.at, nameOf(publish, event.n));
    }
  }
  if (record.role === 'client' || record.role === 'gone') {
    judgeData(history, record, (at, text) => report('stale data', at, text));
    const connects = record.events.flatMap(({ type, at }) => (type === 'connected' ? at : []));
    for (const { publish, at } of lostMessages(history, order, lives, told, connects)) {
      const id = order.get(publish.n) ?? 'received by nobody';
      report('lost', at, `${nameOf(publish, publish.n)} (${whenOf(publish)}; ${id})`);
    }
  }
  judgeEnd(history, record, lives.at(-1), report);
  return violations;
}

/** Duplicated or reordered. */
function judgeSequence(told: Told[], { publishes }: History, report: Report): void {
  const seen = new Set<number>();
  let [last, lastOfStream] = ['', ''];
  for (const event of told) {
    const { at, offset = '' } = event;
    if (event.type === 'received') {
      const publish = publishes.get(event.n);
      const name = nameOf(publish, event.n);
      if (seen.has(event.n)) {
        report('duplicated', at, name);
        continue;
      }
      seen.add(event.n);
      if (publish?.kind === 'message') {
        if (offset <= lastOfStream) report('reordered', at, `${name} after ${lastOfStream}`);
        lastOfStream = offset;
      }
    }
    if (offset === '') continue;
    if (offset < last) report('reordered', at, `offset goes back from ${last} to ${offset}`);
    else last = offset;
  }
}

/** Why the client must not have received it, if so. */
function leakOf(
  publish: Publish | undefined,
  at: number,
  life: Life | undefined,
  lagged: (at: number) => number,
): string | undefined {
  if (!publish) return 'nobody published it';
  if (!life) return 'before the first connect';
  const { kind, rooms, except, target, called, acknowledged: to = Infinity } = publish;
  if (kind === 'direct') return target === life.sid ? undefined : 'for another session';
  const excepted = except.find((room) => throughout(life, room, called, at, 'yes'));
  if (excepted) return `a member of ${excepted}, which is excepted`;
  if (rooms.length === 0) return undefined;
  const member = rooms.filter((room) => stateAt(life, room, at) !== 'no');
  if (member.length === 0) return 'not a member of its rooms';
  const then = member.some((room) => possiblyBetween(life, room, { from: called, to }, lagged));
  return then ? undefined : 'not a member when it was published';
}

function isReplay(
  { events }: ClientRecord,
  { acknowledged = Infinity }: Publish,
  at: number,
  lagged: (at: number) => number,
): boolean {
  const connected = events.findLast((event) => event.type === 'connected' && event.at <= at);
  return connected !== undefined && lagged(connected.at) > acknowledged;
}

function judgeEnd(
  history: History,
  { name, role, judgedFrom, events }: ClientRecord,
  life: Life | undefined,
  report: Report,
): void {
  const isTurn = ({ type }: ClientEvent) => type === 'connected' || type === 'disconnected';
  const last = events.findLast(isTurn);
  const at = events.at(-1)?.at ?? 0;
  if (role === 'client' && last?.type !== 'connected') report('stuck', at, 'it did not reconnect');
  if (role === 'client' && history.refused.includes(name))
    report('stuck', at, 'it cannot join a room');
  if (role === 'client' && life && life.mustEnd < at) report('stuck', at, 'it was not closed');
  // If Redis forgot the session, its successor got another one.
  const isReplaced = role === 'old' && !hasForgotten(history, judgedFrom, at);
  if (isReplaced && last?.type === 'connected') report('stuck', at, 'it was not closed');
}

const lagMs = 1_000;

/** Since when a pod may not have seen publishes, at a point in time. */
function lagOf({ disturbances }: History): (at: number) => number {
  const known = new Map<number, number>();
  const find = (at: number) => {
    let since = at - lagMs;
    let before: number;
    do {
      before = since;
      for (const { from, to } of disturbances) {
        if (from < since && to + resumeMsMax >= since) since = from;
      }
    } while (since < before);
    known.set(at, since);
    return since;
  };
  return (at) => known.get(at) ?? find(at);
}
