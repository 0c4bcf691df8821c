// Work that waits in line: only so much of it at once.

/**
 * Runs work in the order in which it was given, at most `atOnceMax` pieces at a time. Who is
 * aborted while waiting leaves the line: the returned promise rejects with the reason.
 */
export function createLine(atOnceMax: number) {
  const waiting = new Set<() => void>();
  let running = 0;
  const turn = (signal?: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      waiting.add(resolve);
      signal?.addEventListener('abort', () => waiting.delete(resolve) && reject(signal.reason));
    });
  return async function run<T>(work: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    if (running < atOnceMax) running += 1;
    else await turn(signal);
    try {
      return await work();
    } finally {
      const [next] = waiting;
      if (next) {
        waiting.delete(next);
        next();
      } else running -= 1;
    }
  };
}
