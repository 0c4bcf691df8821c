// Calls over the channel between the primary and a worker, each with an answer or a timeout.
import type { Worker } from 'node:cluster';
import type { HttpRequest, HttpResponse } from '../api/router.ts';
import type { Snapshot } from '../telemetry/metrics.ts';

/** What the primary may ask of a worker. */
export interface WorkerMethods {
  /** Called every second; a worker that does not answer is considered frozen. */
  readiness(): { ready: boolean; live: boolean; reason?: string };
  snapshot(): Promise<Snapshot>;
  api(request: HttpRequest): Promise<HttpResponse>;
  drain(): Promise<void>;
  close(): Promise<void>;
}

export type Method = keyof WorkerMethods;
type Argument<M extends Method> = Parameters<WorkerMethods[M]>[0];
type Answer<M extends Method> = Awaited<ReturnType<WorkerMethods[M]>>;

interface CallMessage {
  type: 'mooring:call';
  id: number;
  method: Method;
  argument: unknown;
}

interface AnswerMessage {
  type: 'mooring:answer';
  id: number;
  value?: unknown;
  error?: string;
}

export type Call = <M extends Method>(
  method: M,
  msMax: number,
  ...argument: Argument<M> extends undefined ? [] : [Argument<M>]
) => Promise<Answer<M>>;

/** The primary's side: a call rejects after `msMax` without an answer, or when the worker exits. */
export function callWorker(worker: Worker): Call {
  const waiting = new Map<number, (answer: AnswerMessage) => void>();
  let lastId = 0;
  const settle = (answer: AnswerMessage) => {
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  };
  worker.on('message', (message: AnswerMessage) => {
    if (message.type === 'mooring:answer') settle(message);
  });
  worker.once('exit', () => {
    for (const id of waiting.keys())
      settle({ type: 'mooring:answer', id, error: 'the process exited' });
  });
  return (method, msMax, ...[argument]) =>
    new Promise((resolve, reject) => {
      lastId += 1;
      const id = lastId;
      const fail = (why: string) =>
        reject(new Error(`worker ${worker.id} did not answer ${method}: ${why}`));
      const timer = setTimeout(
        () => settle({ type: 'mooring:answer', id, error: `timeout after ${msMax} ms` }),
        msMax,
      );
      waiting.set(id, ({ value, error }) => {
        clearTimeout(timer);
        if (error === undefined) resolve(value as never);
        else fail(error);
      });
      const message: CallMessage = { type: 'mooring:call', id, method, argument };
      worker.send(message, (error) => {
        if (error) settle({ type: 'mooring:answer', id, error: error.message });
      });
    });
}

interface Channel {
  on(event: 'message', listener: (message: unknown) => void): unknown;
  send?(message: unknown, callback: () => void): unknown;
}

/** The worker's side. */
export function answerPrimary(channel: Channel, methods: WorkerMethods): void {
  channel.on('message', async (message) => {
    const { type, id, method, argument } = message as CallMessage;
    if (type !== 'mooring:call') return;
    const answer: AnswerMessage = { type: 'mooring:answer', id };
    try {
      answer.value = await methods[method](argument as never);
    } catch (error) {
      answer.error = String(error);
    }
    channel.send?.(answer, () => {}); // if the primary is gone, this process exits too
  });
}
