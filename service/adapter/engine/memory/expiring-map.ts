// A map with a TTL per entry and a maximum size. The oldest entries are evicted first.

export function createExpiringMap<V>(sizeMax: number) {
  const entries = new Map<string, { value: V; expiresAt: number }>(); // in write order
  return {
    get(key: string): V | undefined {
      const entry = entries.get(key);
      return entry && entry.expiresAt > performance.now() ? entry.value : undefined;
    },
    set(key: string, value: V, ms: number): void {
      entries.delete(key);
      entries.set(key, { value, expiresAt: performance.now() + ms });
      const [oldest] = entries.keys();
      if (entries.size > sizeMax && oldest !== undefined) entries.delete(oldest);
    },
    sweep(): void {
      const now = performance.now();
      for (const [key, { expiresAt }] of entries) if (expiresAt <= now) entries.delete(key);
    },
  };
}
