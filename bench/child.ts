// A child process of the benchmark that answers calls: both sides of the protocol.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { Session } from 'node:inspector/promises';

interface Call {
  id: number;
  name: string;
  argument: unknown;
}

interface Answer {
  id: number;
  value?: unknown;
  error?: string;
}

export interface Child {
  pid: number;
  call<T>(name: string, argument?: unknown): Promise<T>;
  /** CPU time of all its threads since the start, in microseconds. */
  cpuMicros(): Promise<number>;
  stop(): Promise<void>;
}

/** Starts a file of this folder; resolves once it has called `answerCalls`. */
export async function startChild(
  file: string,
  args: string[] = [],
  nodeOptions: string[] = [],
): Promise<Child> {
  const child = fork(new URL(file, import.meta.url), args, { execArgv: nodeOptions });
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let calls = 0;
  const exited = once(child, 'exit');
  exited.then(() => {
    for (const { reject } of waiting.values()) reject(new Error(`${file} exited`));
  });
  child.on('message', ({ id, value, error }: Answer) => {
    const call = waiting.get(id);
    waiting.delete(id);
    if (error === undefined) call?.resolve(value);
    else call?.reject(new Error(`${file}: ${error}`));
  });
  const call = <T>(name: string, argument?: unknown): Promise<T> => {
    const answer = Promise.withResolvers<unknown>();
    calls += 1;
    waiting.set(calls, answer);
    child.send({ id: calls, name, argument } satisfies Call);
    return answer.promise as Promise<T>;
  };
  await call('ready');
  return {
    pid: (child as ChildProcess & { pid: number }).pid,
    call,
    cpuMicros: () => call('cpuMicros'),
    async stop() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

type Handlers = Record<string, (argument: never) => unknown>;

/** In the child: answers each call with the result of its handler. It exits with its parent. */
export function answerCalls(given: Handlers): void {
  const handlers: Handlers = {
    ready: () => true,
    cpuMicros,
    residentBytes,
    liveHeapBytes,
    usedHeapBytes,
    writes,
    ...given,
  };
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ id, name, argument }: Call) => {
    try {
      const value = await handlers[name]?.(argument as never);
      process.send?.({ id, value } satisfies Answer);
    } catch (error) {
      process.send?.({ id, error: String(error) } satisfies Answer);
    }
  });
}

function cpuMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

const residentBytes = () => process.memoryUsage.rss();

/** Garbage included, so its growth is what was allocated, as long as nothing is collected. */
const usedHeapBytes = () => process.memoryUsage().heapUsed;

/** Write calls of the process so far, as Linux counts them. */
const writes = () => Number(/syscw: (\d+)/.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);

/** Live memory, after a forced garbage collection. */
async function liveHeapBytes(): Promise<number> {
  const session = new Session();
  session.connect();
  for (let i = 0; i < 2; i += 1) await session.post('HeapProfiler.collectGarbage');
  session.disconnect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
