// Processes pass events on in batches, each at its own pace: for a reader they are put in order by
// their time, once no earlier one can be on its way.
import type { TrailEvent } from '../../telemetry/trail/event.ts';

const settleMs = 600; // a batch waits 100 ms for its turn

/** At one moment a message is published before it is delivered. */
const rank = ({ type }: TrailEvent) => (type === 'published' ? 0 : 1);

export function createOrder() {
  let held: TrailEvent[] = [];
  return {
    add(events: TrailEvent[]): void {
      held = [...held, ...events].sort((a, b) => a.at - b.at || rank(a) - rank(b));
    },
    /** Those before which nothing can come any more; all of them at the end. */
    take(now = Infinity): TrailEvent[] {
      const count = held.findIndex(({ at }) => at > now - settleMs);
      return held.splice(0, count < 0 ? held.length : count);
    },
  };
}
