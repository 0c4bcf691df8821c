// Reading the logs of several rooms as one stream, in the order of publishing.

import { type Id, unbundle } from '../delivery/envelope.ts';
import type { Connections } from '../redis/connections.ts';
import { readLog } from '../redis/scripts.ts';

export interface Source {
  log: string;
  /** Only entries after this id. */
  after: Id;
}

export interface LogRead {
  /** By id; a message of several rooms comes once for each of their logs. */
  entries: { id: Id; payload: Buffer; log: string }[];
  /** Logs that do not hold everything after their position, or too much of it. */
  failed: { log: string; why: 'trimmed' | 'too_much' }[];
}

/**
 * What the sources hold up to `upTo`. The reads are not atomic together: without the upper bound an
 * entry of one room could hide a smaller one of another. The limits hold for each source.
 */
export async function readLogs(
  connections: Connections,
  sources: Source[],
  upTo: Id,
  limits: { messagesMax: number; bytesMax: number },
): Promise<LogRead> {
  const { messagesMax, bytesMax } = limits;
  const result: LogRead = { entries: [], failed: [] };
  await Promise.all(
    sources.map(async ({ log, after }) => {
      const args = [after, String(messagesMax), String(bytesMax)];
      const [status, ...parts] = (await connections.read(
        readLog,
        [log],
        args,
      )) as unknown as Buffer[];
      const why = String(status);
      if (why === 'trimmed' || why === 'too_much') return void result.failed.push({ log, why });
      for (let i = 0; i < parts.length; i += 2) {
        const id = String(parts[i]);
        if (id > upTo) break;
        for (const one of unbundle(id, parts[i + 1] as Buffer)) {
          if (one.id > after) result.entries.push({ ...one, log });
        }
      }
    }),
  );
  result.entries.sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  return result;
}
