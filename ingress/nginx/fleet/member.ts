// One process of the fleet: starts it, waits until it is ready, signals and restarts it.
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { Problem } from '../../../tools/problem.ts';
import { type Command, type Launched, launch, logFile, signal } from '../../../tools/processes.ts';

const readyMsMax = 30_000;
const pollMs = 50;
const logLinesShown = 15;

export interface Member {
  readonly name: string;
  readonly pid: number;
  /** Resolves to how the current process exited. */
  readonly exited: Promise<string>;
  signal(name: NodeJS.Signals): void;
  /** Starts or restarts it, and waits until it is ready. */
  start(aborted?: AbortSignal): Promise<void>;
}

export function createMember(
  stateFolder: string,
  command: Command,
  isReady: () => Promise<boolean>,
): Member {
  let launched: Launched | undefined;
  const current = () => {
    if (!launched) throw new Error(`${command.name} was not started`);
    return launched;
  };
  return {
    name: command.name,
    get pid() {
      return current().pid;
    },
    get exited() {
      return current().exited;
    },
    signal: (name) => signal(current(), name),
    async start(aborted) {
      aborted?.throwIfAborted();
      launched = await launch(stateFolder, command);
      const log = logFile(stateFolder, command.name);
      await untilReady(launched, isReady, log, aborted);
    },
  };
}

async function untilReady(
  { name, exited }: Launched,
  isReady: () => Promise<boolean>,
  log: string,
  aborted: AbortSignal | undefined,
) {
  let ended: string | undefined;
  exited.then((how) => {
    ended = how;
  });
  const deadline = Date.now() + readyMsMax;
  while (!(await isReady())) {
    aborted?.throwIfAborted();
    const tail = () => readFileSync(log, 'utf8').trimEnd().split('\n').slice(-logLinesShown);
    if (ended) throw new Problem([`${name} exited (${ended}):`, ...tail()].join('\n'));
    if (Date.now() > deadline) {
      const seconds = readyMsMax / 1000;
      throw new Problem([`${name} was not ready after ${seconds} s:`, ...tail()].join('\n'));
    }
    await delay(pollMs);
  }
}

/** Whether a URL answers 200. */
export async function answersOk(url: string): Promise<boolean> {
  try {
    const answer = await fetch(url, { signal: AbortSignal.timeout(1_000) });
    await answer.arrayBuffer();
    return answer.status === 200;
  } catch {
    return false;
  }
}
