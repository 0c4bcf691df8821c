// Publishing at a steady rate, whatever server does it.
import { setTimeout as sleep } from 'node:timers/promises';

export interface Publishing {
  rooms: string[];
  turns: number;
  /** Messages in one turn of the event loop. */
  perTurn: number;
  everyMs: number;
  /** All messages of a turn to one room, else each to the next. */
  oneRoomPerTurn: boolean;
  /** The same turns without a message: what the processes cost by themselves. */
  silent?: boolean;
}

export const text = 'x'.repeat(200);

/** Never two turns' worth in one turn, however late it is. */
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
