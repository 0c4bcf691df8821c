// One place among the workers: forks a process, watches it, and forks another when it is gone.
import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../telemetry/log.ts';
import type { Snapshot } from '../telemetry/metrics.ts';
import { type Call, callWorker, type WorkerMethods } from './call.ts';
import { forkWorker, offer } from './handover.ts';

const beatMs = 1_000;
const frozenMsMax = 5_000; // without an answer to a beat
const startMsMax = 30_000; // the same for the first beat, which waits for the start
const snapshotMsMax = 500;
const closeMsMax = 5_000;
const shortLifeMs = 5_000;
const backoffMsMax = 5_000;

type Readiness = ReturnType<WorkerMethods['beat']>;
export type Member = ReturnType<typeof startMember>;

/** @param departed told the last figures of a process that is gone */
export function startMember(log: Log, departed: (last: Snapshot) => void) {
  let state: Readiness = { ready: false, reason: 'starting' };
  let last: Snapshot = [];
  let closing = false;
  let backoffMs = 0;
  let worker: Worker;
  let call: Call;
  let bornAt: number;

  const start = () => {
    bornAt = Date.now();
    worker = forkWorker();
    call = callWorker(worker);
    worker.once('exit', replace);
    worker.on('error', (error) => log.warn({ worker: worker.id, err: error }, 'worker channel'));
    void watch(worker, call, (now, figures) => {
      state = now;
      offer(worker, now.ready);
      last = figures;
    }).catch(frozen);
  };
  const frozen = (error: unknown) => {
    if (worker.isDead()) return;
    log.error({ worker: worker.id, err: error }, 'worker frozen, killing it');
    worker.process.kill('SIGKILL');
  };
  const replace = (code: number | null, signal: string | null) => {
    state = { ready: false, reason: 'starting' };
    departed(last);
    last = [];
    if (closing) return;
    backoffMs = Date.now() - bornAt < shortLifeMs ? Math.min(backoffMsMax, 2 * backoffMs + 100) : 0;
    log.error({ worker: worker.id, code, signal, backoffMs }, 'worker gone, starting another');
    setTimeout(() => closing || start(), backoffMs);
  };
  start();

  return {
    readiness: () => state,
    call: ((...args) => call(...args)) as Call,
    /** The figures of now, or the last ones when the worker does not answer. */
    async snapshot(): Promise<Snapshot> {
      if (last.length > 0) last = await call('snapshot', snapshotMsMax).catch(() => last);
      return last;
    },
    async drain(msMax: number) {
      closing = true;
      await call('drain', msMax).catch((error) => log.error({ err: error }, 'drain'));
    },
    async close() {
      closing = true;
      if (worker.isDead()) return;
      const exited = once(worker, 'exit');
      const timer = setTimeout(() => worker.process.kill('SIGKILL'), closeMsMax);
      call('close', closeMsMax).catch(() => {});
      await exited;
      clearTimeout(timer);
    },
  };
}

/** Asks the worker every second; rejects when it does not answer in time. */
async function watch(
  worker: Worker,
  call: Call,
  seen: (state: Readiness, figures: Snapshot) => void,
): Promise<void> {
  for (let msMax = startMsMax; !worker.isDead(); msMax = frozenMsMax) {
    const state = await call('beat', msMax);
    seen(state, await call('snapshot', frozenMsMax));
    await sleep(beatMs);
  }
}
