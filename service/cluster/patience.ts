// How long to wait for a process that does not answer. One that is starved of CPU gets more time
// than one that is stopped, or whose event loop is blocked.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

const checkMs = 500;
const msPerTick = 10; // on every Linux
/** The share of a core with which a process that is not blocked would have answered in time. */
const enoughShare = 0.5;
const timesMax = 10;

/**
 * Rejects if the process answers in neither `msMax` nor, while it makes slow progress, up to ten
 * times as long. Without /proc it rejects after `msMax`.
 */
export async function overdue(
  pid: number | undefined,
  msMax: number,
  signal: AbortSignal,
): Promise<never> {
  const startedAt = performance.now();
  const usedBefore = cpuMsOf(pid);
  let used = usedBefore;
  let progressAt = startedAt;
  for (;;) {
    await sleep(checkMs, undefined, { signal });
    const now = performance.now();
    const before = used;
    used = cpuMsOf(pid);
    if (used > before) progressAt = now;
    const waitedMs = now - startedAt;
    const isStopped = now - progressAt >= msMax;
    const isBlocked = used - usedBefore >= msMax * enoughShare;
    if (waitedMs < msMax || (!isStopped && !isBlocked && waitedMs < timesMax * msMax)) continue;
    throw new Error(
      `no answer in ${Math.round(waitedMs)} ms, in which it used ${used - usedBefore} ms of CPU`,
    );
  }
}

/** The CPU time that a process has used; 0 if it is unknown. */
function cpuMsOf(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) * msPerTick;
  } catch {
    return 0;
  }
}
