// Emitting with a promise: resolves when Redis has what was emitted.
import type { Publish } from './index.ts';

/** @param through runs the emit and waits until the adapter's publishes are done */
export function createPublish(through: (emit: () => void) => Promise<unknown>): Publish {
  return async (target, event, ...args) => {
    await through(() => target.emit(event, ...args));
  };
}
