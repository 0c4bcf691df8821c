// Bounds concurrent work.

/**
 * Runs work in call order, at most `atOnceMax` pieces concurrently. Work that is aborted while it
 * waits never runs, and its promise rejects with the reason.
 */
export function createLimiter(atOnceMax: number) {
  const waiting = new Set<() => void>();
  let running = 0;
  const next = (signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      waiting.add(resolve);
      signal?.addEventListener('abort', () => waiting.delete(resolve) && reject(signal.reason));
    });
  return async function run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (running < atOnceMax) running += 1;
    else await next(signal);
    try {
      return await work();
    } finally {
      const [first] = waiting;
      if (first) {
        waiting.delete(first);
        first();
      } else running -= 1;
    }
  };
}
