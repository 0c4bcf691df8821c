// A seeded random generator: a seed yields the same operations on every machine.

export type Random = ReturnType<typeof seeded>;

/** mulberry32, a generator with 32 bits of state. */
export function seeded(seed: number) {
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const below = (end: number) => Math.floor(fraction() * end);
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T;
  return {
    below,
    between: (from: number, to: number) => from + below(to - from + 1),
    pick,
    /** A random subset of the items. */
    some<T>(items: readonly T[], count: number): T[] {
      const left = [...items];
      const taken: T[] = [];
      while (taken.length < count && left.length > 0) {
        taken.push(...left.splice(below(left.length), 1));
      }
      return taken;
    },
    /** A random key, by weight. */
    weighted<K extends string>(weights: Record<K, number>): K {
      const entries = Object.entries(weights) as [K, number][];
      let left = fraction() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [key, weight] of entries) {
        left -= weight;
        if (left < 0) return key;
      }
      return (entries.at(-1) as [K, number])[0];
    },
  };
}
