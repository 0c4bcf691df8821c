// After Redis was away: every room of this process is read from where it stopped, so that live
// sockets miss nothing and see nothing twice.
import { type Id, unknown } from './entry.ts';
import type { Hub } from './hub.ts';
import { readLogs } from './log.ts';
import { checkLoss } from './scripts.ts';

const messagesMax = 100_000; // of one room
const bytesMax = 64 * 1024 * 1024; // of one room

export interface CatchUpSource {
  log: string;
  after: Id;
  receive(id: Id, payload: Buffer): void;
  /** Its log has lost a part: its sockets must come back as not recovered. */
  broken(): void;
}

/**
 * When Redis has forgotten what was delivered or published here, the sequence and the floor rise.
 * Resolves to the sequence.
 */
export async function checkPosition(hub: Hub): Promise<Id> {
  const { sequence, floor } = hub.keys;
  const { id, log } = hub.lastLogged();
  const args = [hub.lastSeen(), id, String(hub.logMs)];
  return (await hub.connections.run(checkLoss, [sequence, floor, log || floor], args)) as Id;
}

/**
 * Resolves to the id up to which everything was delivered.
 * @param forget called when what was missed may be in no log any more
 */
export async function catchUp(hub: Hub, sources: CatchUpSource[], forget: () => void): Promise<Id> {
  const isFirst = hub.latest() === unknown;
  const upTo = await checkPosition(hub);
  if (hub.awayMs() > hub.logMs) forget();
  else if (!isFirst) {
    const due = sources.filter(({ after }) => after < upTo);
    const byLog = new Map(due.map((source) => [source.log, source]));
    const limits = { messagesMax, bytesMax };
    const { entries, failed } = await readLogs(hub.connections, due, upTo, limits);
    for (const { log } of failed) byLog.get(log)?.broken();
    for (const { id, payload, log } of entries) {
      hub.seen(id, log);
      byLog.get(log)?.receive(id, payload);
    }
    hub.options.observer.caughtUp(entries.length);
  }
  hub.seen(upTo);
  return upTo;
}
