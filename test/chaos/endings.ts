// What ends a session: a command of a backend, or the client itself.
//
// A command certainly ends the sessions that were there when it was called, once it is
// acknowledged. It may end those that asked for their session before that. A client that
// disconnects on purpose certainly ends its session if the network and its pod work.
import { type ClientRecord, type Ending, type History, isDisturbed } from './history.ts';
import type { Life } from './membership.ts';

const quitMsMax = 2_000; // until the pod knows

/** @param opened when the life's connection asked for a session */
export function applyEndings(history: History, { user }: ClientRecord, life: Life, opened: number) {
  for (const ending of history.endings) {
    if (ending.user !== user && ending.sid !== life.sid) continue;
    const { called, acknowledged = Infinity } = ending;
    if (opened > acknowledged) continue;
    life.mayEnd = Math.min(life.mayEnd, Math.max(called, life.from));
    if (life.from < called) life.mustEnd = Math.min(life.mustEnd, certainly(history, ending));
  }
}

function certainly(history: History, { what, called, acknowledged = Infinity }: Ending): number {
  const isHeard = what === 'quit' && !isDisturbed(history, called, called + quitMsMax);
  return isHeard ? called + quitMsMax : acknowledged;
}
