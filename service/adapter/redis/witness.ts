// Remembers the newest message that is known to have been in Redis: after a reconnect it shows
// whether Redis lost the end of its data.
import { type Id, noId, unknown } from '../delivery/envelope.ts';
import type { Connections } from './connections.ts';
import type { Keys } from './keys.ts';
import { checkLoss } from './scripts.ts';

export type Witness = ReturnType<typeof createWitness>;

export function createWitness() {
  let newest: Id = unknown;
  let logged = { id: noId, log: '' };
  return {
    /** @param log a log that has the message */
    seen(id: Id, log: string | undefined): void {
      if (id > newest) newest = id;
      if (log && id > logged.id) logged = { id, log };
    },
    /** Raises the sequence and the low watermark if Redis has forgotten the message. */
    async check({ run }: Connections, { sequence, floor }: Keys, keepLogsMs: number) {
      const { id, log } = logged;
      await run(checkLoss, [sequence, floor, log || floor], [newest, id, String(keepLogsMs)]);
    },
  };
}
