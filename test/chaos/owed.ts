// Finds the messages that a client must have received but did not.
import { type History, isDisturbed, type Publish } from './history.ts';
import type { Told } from './lives.ts';
import { type Life, throughout } from './membership.ts';
import type { Order } from './order.ts';

export function lostMessages(
  history: History,
  order: Order,
  lives: Life[],
  told: Told[],
  connects: number[],
): { publish: Publish; at: number }[] {
  const { publishes } = history;
  const lost: { publish: Publish; at: number }[] = [];
  const received = new Set(told.flatMap((event) => (event.type === 'received' ? event.n : [])));
  const inStream = told.flatMap((event) => {
    if (event.type !== 'received') return [];
    const publish = publishes.get(event.n);
    return publish?.kind === 'message' ? [{ ...event, called: publish.called }] : [];
  });
  for (const publish of publishes.values()) {
    const { n, kind, called, acknowledged, local } = publish;
    if (kind === 'volatile' || kind === 'question') continue;
    if (acknowledged === undefined || received.has(n)) continue;
    // Only its pod knew it, until the client was there again.
    const known = connects.find((at) => at > called) ?? acknowledged;
    if (local && isDisturbed(history, called, known)) continue;
    const id = order.get(n);
    const isLater = (other: { n: number; called: number }) =>
      id === undefined ? other.called > acknowledged : (order.get(other.n) as string) > id;
    for (const life of lives) {
      if (!isOwed(life, publish, called)) continue; // rules out most messages cheaply
      const later = inStream.find((event) => event.at >= life.from && isLater(event));
      const by = Math.min(later?.at ?? Infinity, life.to);
      if (isOwed(life, publish, by)) lost.push({ publish, at: by === Infinity ? called : by });
    }
  }
  return lost;
}

/** Whether the client was a recipient from the call until `by`. */
function isOwed(life: Life, { kind, rooms, except, target, called }: Publish, by: number): boolean {
  if (called < life.from || by > life.to || by > life.mayEnd) return false;
  if (life.to !== Infinity && by === life.to) return false; // ended without one
  if (kind === 'direct') return target === life.sid;
  if (except.some((room) => !throughout(life, room, called, by, 'no'))) return false;
  return rooms.length === 0 || rooms.some((room) => throughout(life, room, called, by, 'yes'));
}
