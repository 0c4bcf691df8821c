// Reads once for all who ask in one event-loop turn: joins of a storm are stored together.

export function createSharedRead<T>(read: (key: string) => Promise<T>) {
  const due = new Map<string, Promise<T>>();
  /** Reads after everything that has happened in this turn. */
  return (key: string): Promise<T> => {
    const known = due.get(key);
    if (known) return known;
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    due.set(key, promise);
    setImmediate(() => {
      due.delete(key);
      read(key).then(resolve, reject);
    });
    return promise;
  };
}
