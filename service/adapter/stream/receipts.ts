// What all clients of this process have certainly received, without asking each. A server pings
// every connection and closes it without an answer. So whatever was written long enough ago has
// arrived at every client whose connection is still open.
import { type Id, noId } from '../delivery/envelope.ts';

const sampleMsMin = 100;
const stepMsMax = 4_000; // a frozen process checks no connection meanwhile

/** @param noticeMsMax the longest time in which the loss of a connection is noticed */
export function createReceipts(noticeMsMax: number) {
  let samples: { atMs: number; id: Id }[] = []; // oldest first
  let runMs = 0; // how long the process has run
  let sampledAt = performance.now();
  const received = (): Id => {
    const due = samples.findLastIndex(({ atMs }) => atMs <= runMs - noticeMsMax);
    if (due > 0) samples = samples.slice(due);
    return (due >= 0 && samples[0]?.id) || noId;
  };
  return {
    /** Records that everything up to an id has been written to all sockets. */
    written(id: Id): void {
      const now = performance.now();
      if (now - sampledAt < sampleMsMin) return;
      runMs += Math.min(now - sampledAt, stepMsMax);
      sampledAt = now;
      samples.push({ atMs: runMs, id });
    },
    /** Everything up to this id has arrived at every client. */
    received,
  };
}
