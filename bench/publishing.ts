// Publishes at a steady rate, with any server.
import { setTimeout as sleep } from 'node:timers/promises';

export interface Publishing {
  rooms: string[];
  turns: number;
  /** Messages per turn of the event loop. */
  perTurn: number;
  everyMs: number;
  /** Whether all messages of a turn go to one room; otherwise each goes to the next room. */
  oneRoomPerTurn: boolean;
  /** Turns without messages, to measure the idle cost. */
  silent?: boolean;
}

export const text = 'x'.repeat(200);

/** Never publishes two turns' worth in one turn, even if it is late. */
export function createPublishing(emit: (room: string, body: object) => unknown) {
  let published = 0;
  return async ({ rooms, turns, everyMs, silent, ...each }: Publishing): Promise<void> => {
    const startedAt = performance.now();
    for (let turn = 0; turn < turns; turn += 1) {
      for (let i = 0; i < each.perTurn && !silent; i += 1) {
        const room = each.oneRoomPerTurn ? turn : turn * each.perTurn + i;
        emit(rooms[room % rooms.length] as string, { n: published, text });
        published += 1;
      }
      await sleep(Math.max(0, startedAt + (turn + 1) * everyMs - performance.now()));
    }
  };
}
