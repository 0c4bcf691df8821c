// The total order of the messages, by the offsets that clients received.
import { type History, nameOf } from './history.ts';
import type { Violation } from './violation.ts';

/** Offsets by message number. */
export type Order = Map<number, string>;

/** The order, and where two clients received different offsets. */
export function readOrder({ clients, publishes }: History) {
  const order: Order = new Map();
  const violations: Violation[] = [];
  for (const { name, events } of clients) {
    for (const event of events) {
      if (event.type !== 'received' || publishes.get(event.n)?.kind !== 'message') continue;
      const { n, at, offset = '' } = event;
      const known = order.get(n) ?? offset;
      order.set(n, known);
      if (known === offset) continue;
      const text = `${nameOf(publishes.get(n), n)} is ${offset} here and ${known} elsewhere`;
      violations.push({ kind: 'reordered', client: name, at, text });
    }
  }
  return { order, violations };
}

/** Where the order contradicts time: acknowledged before its predecessor was called. */
export function disagreements({ publishes }: History, order: Order): Violation[] {
  const violations: Violation[] = [];
  let latest = { n: 0, called: 0 };
  const inOrder = [...order].sort(([, a], [, b]) => (a < b ? -1 : 1));
  for (const [n] of inOrder) {
    const publish = publishes.get(n);
    if (!publish) continue;
    const { called, acknowledged = Infinity } = publish;
    if (acknowledged < latest.called) {
      const text = `${nameOf(publish, n)} comes after #${latest.n}, which was called later`;
      violations.push({ kind: 'reordered', client: 'everyone', at: called, text });
    }
    if (called > latest.called) latest = { n, called };
  }
  return violations;
}
