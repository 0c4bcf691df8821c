// Remembers the newest message known to have been in Redis. After a reconnect it shows whether
// Redis has lost recent data.
import { type Id, noId, unknown } from '../../delivery/envelope.ts';
import type { Connections } from './connections.ts';
import { type Keys, positionKeys } from './keys.ts';
import { checkLoss } from './scripts.ts';

export type Witness = ReturnType<typeof createWitness>;

export function createWitness() {
  let newest: Id = unknown;
  let read: Id = unknown;
  let logged = { id: noId, log: '' };
  return {
    /** @param log a log that contains the message */
    seen(id: Id, log: string | undefined): void {
      if (id > newest) newest = id;
      if (log && id > logged.id) logged = { id, log };
    },
    /** A position is no message: losing it loses nothing. */
    read(position: Id): void {
      if (position > read) read = position;
    },
    /** Raises the sequence and the low watermark if Redis has lost the message. */
    async check({ run }: Connections, keys: Keys, keepLogsMs: number) {
      const { id, log } = logged;
      await run(
        checkLoss,
        [...positionKeys(keys), log || keys.lowWatermark],
        [newest, id, String(keepLogsMs), read],
      );
    },
  };
}
