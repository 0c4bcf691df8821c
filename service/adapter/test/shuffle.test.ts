// The order in which the nodes of a cluster are asked.
import { expect, it } from 'vitest';
import { shuffled } from '../engine/redis/locate.ts';

it('makes every order of the nodes equally likely', () => {
  const draws = 6_000;
  const counts = new Map<string, number>();
  for (let i = 0; i < draws; i += 1) {
    const order = shuffled(['a', 'b', 'c']).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  // Ten standard deviations. A random comparator returns some orders three times as often.
  for (const order of ['abc', 'acb', 'bac', 'bca', 'cab', 'cba']) {
    expect(Math.abs((counts.get(order) ?? 0) - draws / 6)).toBeLessThan(290);
  }
});
