// Emitting with a promise: resolves when Redis has what was emitted.
import type { Publish } from './application.ts';
import type { Metrics } from './metrics.ts';

type Through = (emit: () => void) => Promise<void>;

/** @param through runs the emit and waits until the adapter's publishes are done */
export function createPublish(through: Through, metrics: Metrics): Publish {
  return async (target, event, ...args) => {
    const startedAt = performance.now();
    let writtenAt = startedAt;
    await through(() => {
      target.emit(event, ...args);
      writtenAt = performance.now(); // the adapter writes to the sockets of this process at once
    });
    const seconds = (at: number) => (at - startedAt) / 1000;
    metrics.messagePublished(seconds(writtenAt), seconds(performance.now()));
  };
}
