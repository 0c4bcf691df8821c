// Emitting with a promise: resolves when Redis has what was emitted.
import type { Publish } from './application.ts';
import type { Metrics } from './metrics.ts';

type Through = (emit: () => void) => Promise<void>;

/** @param through runs the emit and waits until the adapter's publishes are done */
export function createPublish(through: Through, metrics: Metrics): Publish {
  return async (target, event, ...args) => {
    const startedAt = performance.now();
    await through(() => target.emit(event, ...args));
    metrics.messagePublished((performance.now() - startedAt) / 1000);
  };
}
