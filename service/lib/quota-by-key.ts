// Quotas of many keys, for example of each user.

const keysMax = 100_000;

/**
 * Returns a function that takes an amount of a key's quota, or returns false if too little is left.
 * A used quota is back after `ms`, bit by bit.
 */
export function createQuotaByKey(max: number, ms: number) {
  const used = new Map<string, { amount: number; atMs: number }>();
  return (key: string, amount: number): boolean => {
    const nowMs = performance.now();
    const before = used.get(key) ?? { amount: 0, atMs: nowMs };
    const left = Math.max(0, before.amount - ((nowMs - before.atMs) / ms) * max);
    if (left + amount > max) return false;
    used.delete(key); // the map is in the order of use
    used.set(key, { amount: left + amount, atMs: nowMs });
    const [oldest] = used.keys();
    if (used.size > keysMax && oldest !== undefined) used.delete(oldest);
    return true;
  };
}
