// Overload protection. When the event loop is late, or the heap or the memory of the container
// nearly full, this process first refuses new clients, then closes the costliest connections.

import { totalmem } from 'node:os';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

const sampleMs = 1_000;
const resolutionMs = 20;
const youngBytesMax = 192 * 1024 * 1024; // the default of Node.js 24
const collectMsMin = 10_000; // a full collection takes a second for gigabytes
const samplesToRefuse = 3; // a garbage collection or a burst is over sooner
const samplesToShed = 6;
const samplesToRecover = 5;
const recoveredBelow = 0.8; // of each threshold: between the two, nothing changes
const shedShare = 0.01; // of the connections, per sample

/** Each as a share of its threshold. */
export interface Load {
  lag: number;
  heap: number;
  memory: number;
}

export const levels = ['normal', 'refusing', 'shedding'] as const;
export type Level = (typeof levels)[number];

/** Decides from one sample after the other. Pure. */
export function createJudge(): (load: Load) => Level {
  let level: Level = 'normal';
  let above = 0; // samples in a row
  let below = 0;
  return (load) => {
    const highest = Math.max(load.lag, load.heap, load.memory);
    above = highest >= 1 ? above + 1 : 0;
    below = highest < recoveredBelow ? below + 1 : 0;
    if (above >= samplesToShed) level = 'shedding';
    else if (above >= samplesToRefuse && level === 'normal') level = 'refusing';
    else if (above === 0 && level === 'shedding') level = 'refusing';
    if (below >= samplesToRecover) level = 'normal';
    return level;
  };
}

interface Parts {
  config: { overloadLagMsMax: number; overloadMemoryShareMax: number; workers: number };
  metrics: Pick<Metrics, 'overloaded'>;
  log: Log;
  /** The number of open connections. */
  count(): number;
  /** Closes so many connections, those that cost most since the last call. */
  shed(connections: number): void;
}

export function watchOverload({ config, metrics, log, count, shed }: Parts) {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  const judge = createJudge();
  let level: Level = 'normal';
  const collect = createCollector();
  const sample = () => {
    let load = measure(delay, config);
    if (load.heap >= (level === 'normal' ? 1 : recoveredBelow) && collect())
      load = measure(delay, config);
    delay.reset();
    const before = level;
    level = judge(load);
    if (level !== before) {
      metrics.overloaded(levels.indexOf(level));
      log[level === 'normal' ? 'info' : 'warn'](rounded(load), `overload: ${level}`);
    }
    // Also while refusing, with none to close: what a connection costs is known a sample later.
    if (level !== 'normal') shed(level === 'shedding' ? Math.ceil(count() * shedShare) : 0);
  };
  const timer = setInterval(sample, sampleMs);
  return {
    isOverloaded: () => level !== 'normal',
    close() {
      clearInterval(timer);
      delay.disable();
    },
  };
}

/**
 * Returns a function that collects garbage, which does not count, and whether it did. V8 itself may
 * leave garbage for minutes in a process that has become idle.
 */
function createCollector(): () => boolean {
  let collectedAt = -collectMsMin;
  return () => {
    if (performance.now() - collectedAt < collectMsMin) return false;
    setFlagsFromString('--expose-gc'); // for the context that follows
    runInNewContext('gc()');
    collectedAt = performance.now();
    return true;
  };
}

function measure(
  delay: ReturnType<typeof monitorEventLoopDelay>,
  { workers, ...config }: Parts['config'],
): Load {
  const { overloadLagMsMax, overloadMemoryShareMax } = config;
  // The mean of turns, not the longest: one long turn alone is no overload.
  const lagMs = delay.count > 0 ? delay.mean / 1e6 - resolutionMs : 0;
  return {
    lag: lagMs / overloadLagMsMax,
    heap: heapShare() / overloadMemoryShareMax,
    memory: (process.memoryUsage.rss() * workers) / memoryLimit() / overloadMemoryShareMax,
  };
}

/** Of the old generation: when it is full, the process ends. The limit of V8 has both. */
function heapShare(): number {
  const { heap_size_limit: limit } = getHeapStatistics();
  const old = getHeapSpaceStatistics().filter(({ space_name: name }) => !name.startsWith('new_'));
  const used = old.reduce((sum, { space_used_size: bytes }) => sum + bytes, 0);
  return used / Math.max(limit - youngBytesMax, limit / 4);
}

/** What the container may use (cgroup v1 or v2), or the machine. */
function memoryLimit(): number {
  const constrained = process.constrainedMemory();
  return constrained > 0 ? Math.min(constrained, totalmem()) : totalmem();
}

const rounded = (load: Load) =>
  Object.fromEntries(Object.entries(load).map(([name, share]) => [name, Number(share.toFixed(2))]));
