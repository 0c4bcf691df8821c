// What arrives in one turn of the event loop is delivered together: messages for the same members
// that follow each other are one write to each.
import type { Entry } from './envelope.ts';

/** Offers its members entries, in order. */
export interface Target {
  deliver(entries: Entry[]): void;
}

const runBytesMax = 65_536; // what one write carries, besides one entry that is larger

export type Turn = ReturnType<typeof createTurn>;

/** @param ended called when all has been delivered */
export function createTurn(ended: () => void) {
  let runs: { target: Target; entries: Entry[]; bytes: number }[] = [];
  const flush = () => {
    if (runs.length === 0) return;
    const arrived = runs;
    runs = [];
    for (const { target, entries } of arrived) target.deliver(entries);
    ended();
  };
  return {
    add(target: Target, entry: Entry): void {
      const last = runs.at(-1);
      if (last?.target === target && last.bytes + entry.bytes <= runBytesMax) {
        last.entries.push(entry);
        last.bytes += entry.bytes;
        return;
      }
      if (!last) process.nextTick(flush);
      runs.push({ target, entries: [entry], bytes: entry.bytes });
    },
    /** Now: before anything that must come after it. */
    flush,
  };
}
