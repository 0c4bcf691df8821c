// Batches the messages that arrive in one event-loop turn: consecutive messages to the same sockets
// become one write per socket.
import type { Envelope } from './envelope.ts';

/** A set of sockets. */
export interface Target {
  /** Writes envelopes to the sockets, in order. */
  deliver(envelopes: Envelope[]): void;
}

const runBytesMax = 65_536; // per write, unless a single envelope is larger

/** @param delivered called after everything is written */
export function createArrivals(delivered: () => void) {
  let runs: { target: Target; envelopes: Envelope[]; bytes: number }[] = [];
  const flush = () => {
    if (runs.length === 0) return;
    const arrived = runs;
    runs = [];
    for (const { target, envelopes } of arrived) target.deliver(envelopes);
    delivered();
  };
  return {
    add(target: Target, envelope: Envelope): void {
      const last = runs.at(-1);
      if (last?.target === target && last.bytes + envelope.bytes <= runBytesMax) {
        last.envelopes.push(envelope);
        last.bytes += envelope.bytes;
        return;
      }
      if (!last) process.nextTick(flush);
      runs.push({ target, envelopes: [envelope], bytes: envelope.bytes });
    },
    /** Delivers now, before something that must come after it. */
    flush,
  };
}
