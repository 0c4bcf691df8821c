// Supervises one worker: forks it, polls it, and replaces it when it exits or freezes.
import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../telemetry/log.ts';
import type { Snapshot } from '../telemetry/metrics.ts';
import { type Call, callWorker, type WorkerMethods } from './call.ts';
import { forkWorker, offer } from './handover.ts';

const pollMs = 1_000;
const frozenMsMax = 5_000; // without an answer
const startMsMax = 30_000; // the first answer also waits for the start
const snapshotMsMax = 500;
const closeMsMax = 5_000;
const shortLifeMs = 5_000;
const backoffMsMax = 5_000;

type Readiness = ReturnType<WorkerMethods['readiness']>;
export type Member = ReturnType<typeof startMember>;

/** @param onExit called with the last metrics of a worker that exited */
export function startMember(log: Log, onExit: (last: Snapshot) => void) {
  let state: Readiness = { ready: false, live: false, reason: 'starting' };
  let last: Snapshot = [];
  let closing = false;
  let backoffMs = 0;
  let worker: Worker;
  let call: Call;
  let bornAt: number;

  const start = () => {
    bornAt = performance.now();
    worker = forkWorker();
    call = callWorker(worker);
    worker.once('exit', replace);
    worker.on('error', (error) => log.warn({ worker: worker.id, err: error }, 'worker IPC error'));
    void watch(worker, call, (readiness, snapshot) => {
      state = readiness;
      offer(worker, readiness.ready);
      last = snapshot;
    }).catch(killFrozen);
  };
  const killFrozen = (error: unknown) => {
    if (worker.isDead()) return;
    log.error({ worker: worker.id, err: error }, 'worker is not responding; killing it');
    worker.process.kill('SIGKILL');
  };
  const replace = (code: number | null, signal: string | null) => {
    state = { ready: false, live: false, reason: 'starting' };
    onExit(last);
    last = [];
    if (closing) return;
    backoffMs =
      performance.now() - bornAt < shortLifeMs ? Math.min(backoffMsMax, 2 * backoffMs + 100) : 0;
    log.error({ worker: worker.id, code, signal, backoffMs }, 'worker exited; starting a new one');
    setTimeout(() => closing || start(), backoffMs);
  };
  start();

  return {
    readiness: () => state,
    call: ((...args) => call(...args)) as Call,
    /** The current metrics, or the last known ones if the worker does not answer. */
    async snapshot(): Promise<Snapshot> {
      if (last.length > 0) last = await call('snapshot', snapshotMsMax).catch(() => last);
      return last;
    },
    async drain(msMax: number) {
      closing = true;
      await call('drain', msMax).catch((error) =>
        log.error({ worker: worker.id, err: error }, 'worker drain failed'),
      );
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

/** Polls the worker every second; rejects when it does not answer in time. */
async function watch(
  worker: Worker,
  call: Call,
  onAnswer: (state: Readiness, snapshot: Snapshot) => void,
): Promise<void> {
  for (let msMax = startMsMax; !worker.isDead(); msMax = frozenMsMax) {
    const state = await call('readiness', msMax);
    onAnswer(state, await call('snapshot', frozenMsMax));
    await sleep(pollMs);
  }
}
