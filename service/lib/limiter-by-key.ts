// Bounds concurrent work of each key, for example of each user.

export class Busy extends Error {
  override name = 'Busy';
}

/**
 * Runs work of one key in call order, at most `atOnceMax` pieces concurrently. Beyond `waitingMax`
 * that wait, it rejects with `Busy`.
 */
export function createLimiterByKey(atOnceMax: number, waitingMax: number) {
  const states = new Map<string, { running: number; waiting: (() => void)[] }>();
  return async function run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const state = states.get(key) ?? { running: 0, waiting: [] };
    states.set(key, state);
    if (state.running < atOnceMax) state.running += 1;
    else if (state.waiting.length >= waitingMax) throw new Busy('Too much work at once');
    else await new Promise<void>((resolve) => state.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = state.waiting.shift();
      if (next) next();
      else {
        state.running -= 1;
        if (state.running === 0) states.delete(key);
      }
    }
  };
}
