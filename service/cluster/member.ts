// Supervises one worker: forks it when it is its turn, polls it, and replaces it when it exits or
// freezes.
import type { Worker } from 'node:cluster';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Log } from '../telemetry/log.ts';
import type { Snapshot } from '../telemetry/metrics.ts';
import { type Call, callWorker, type WorkerMethods } from './call.ts';
import { forkWorker, offer } from './handover.ts';
import { overdue } from './patience.ts';

const pollMs = 1_000;
const frozenMsMax = 5_000; // without an answer; more on a slow node
const startMsMax = 30_000; // the first answer also waits for the start
const answerMsMax = 600_000; // longer than any patience
const snapshotMsMax = 500;
const closeMsMax = 5_000;
const shortLifeMs = 5_000;
const backoffMsMin = 100;
const backoffMsMax = 30_000;

type Readiness = ReturnType<WorkerMethods['readiness']>;
export type Member = ReturnType<typeof startMember>;
/** Runs a start when it is its turn. The next one follows when the promise has resolved. */
export type TakeTurn = (start: () => Promise<void>) => Promise<void>;

interface Exit {
  code: number | null;
  signal: string | null;
  /** How long it answered. */
  lifeMs: number;
}

/** @param onExit called with the last metrics of a worker that exited */
export function startMember(log: Log, takeTurn: TakeTurn, onExit: (last: Snapshot) => void) {
  let state: Readiness = { ready: false, live: false, reason: 'starting' };
  let last: Snapshot = [];
  let closing = false;
  let backoffMs = 0;
  let worker: Worker | undefined;
  let call: Call = () => Promise.reject(new Error('the worker has not started yet'));

  /** Resolves when the worker has answered for the first time, or has exited. */
  const start = async (): Promise<void> => {
    if (closing) return;
    const started = Promise.withResolvers<void>();
    const forked = forkWorker();
    worker = forked;
    call = callWorker(forked);
    let answeredAt: number | undefined;
    forked.once('exit', (code, signal) => {
      started.resolve();
      const lifeMs = answeredAt === undefined ? 0 : performance.now() - answeredAt;
      replace(forked, { code, signal, lifeMs });
    });
    forked.on('error', (err) => log.warn({ worker: forked.id, err }, 'worker IPC error'));
    watch(forked, call, (readiness, snapshot) => {
      answeredAt ??= performance.now();
      started.resolve();
      state = readiness;
      offer(forked, readiness.ready);
      last = snapshot;
    }).catch((error) => killFrozen(log, forked, error));
    return started.promise;
  };
  const replace = ({ id }: Worker, { code, signal, lifeMs }: Exit) => {
    state = { ready: false, live: false, reason: 'starting' };
    onExit(last);
    last = [];
    if (closing) return;
    backoffMs = lifeMs < shortLifeMs ? Math.min(backoffMsMax, 2 * backoffMs + backoffMsMin) : 0;
    log.error({ worker: id, code, signal, backoffMs }, 'worker exited; starting a new one');
    setTimeout(() => void takeTurn(start), backoffMs);
  };
  void takeTurn(start);

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
        log.error({ worker: worker?.id, err: error }, 'worker drain failed'),
      );
    },
    async close() {
      closing = true;
      if (!worker || worker.isDead()) return;
      const { process } = worker;
      const exited = once(worker, 'exit');
      const timer = setTimeout(() => process.kill('SIGKILL'), closeMsMax);
      call('close', closeMsMax).catch(() => {});
      await exited;
      clearTimeout(timer);
    },
  };
}

function killFrozen(log: Log, worker: Worker, err: unknown): void {
  if (worker.isDead()) return;
  log.error({ worker: worker.id, err }, 'worker is not responding; killing it');
  worker.process.kill('SIGKILL');
}

/** Polls the worker every second; rejects when it does not answer and makes no progress. */
async function watch(
  worker: Worker,
  call: Call,
  onAnswer: (state: Readiness, snapshot: Snapshot) => void,
): Promise<void> {
  const ask = async () => {
    const state = await call('readiness', answerMsMax);
    onAnswer(state, await call('snapshot', answerMsMax));
  };
  for (let msMax = startMsMax; !worker.isDead(); msMax = frozenMsMax) {
    const answered = new AbortController();
    const late = overdue(worker.process.pid, msMax, answered.signal);
    await Promise.race([ask(), late]).finally(() => answered.abort());
    late.catch(() => {}); // aborted
    await sleep(pollMs);
  }
}
