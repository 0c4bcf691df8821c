// Processor time as Linux counts it.
import { readFileSync } from 'node:fs';

const ticksPerSecond = 100; // on every Linux

/** Of a process, and of its children that have ended; 0 where there is no /proc. */
export function cpuSecondsOf(pid: number | 'self'): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks), 0) / ticksPerSecond;
  } catch {
    return 0;
  }
}
