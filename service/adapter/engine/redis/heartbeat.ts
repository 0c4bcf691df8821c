// Renews the key of this process, whose sessions are valid as long as it exists, and agrees with
// the other processes on the format to write.
import { type Format, formats } from '../../formats.ts';
import type { AdapterOptions } from '../../options.ts';
import { rejectable } from './connection.ts';
import type { Connections } from './connections.ts';
import type { Keys } from './keys.ts';
import { RedisUnfit } from './requirements.ts';
import { heartbeat as script } from './scripts.ts';

const beatsPerWindow = 8;
const beatMsMin = 250;
const beatMsMax = 2_000;
const aliveMsMin = 1_000;

interface Events {
  /** Redis answered, with its clock. */
  alive(microseconds: number, sentAt: number): void;
  /** The format to write. */
  agreed(format: Format): void;
  failed(error: unknown): void;
}

export function startHeartbeat(
  { main, run, use }: Pick<Connections, 'main' | 'run' | 'use'>,
  keys: Keys,
  processId: string,
  { recoveryMsMax }: AdapterOptions,
  { alive, agreed, failed }: Events,
) {
  const first = Promise.withResolvers<void>();
  let refused = rejectable();
  const names = [keys.processes + processId, keys.formats];
  const aliveMs = Math.max(aliveMsMin, recoveryMsMax);
  const args = [aliveMs, processId, formats.oldest, formats.newest].map(String);
  const beat = async () => {
    const sentAt = performance.now();
    const answer = (await run(script, names, args)) as [string, number, number, number];
    const [microseconds, format, oldest, newest] = answer;
    alive(Number(microseconds), sentAt);
    if (format === 0) {
      const unfit = new RedisUnfit(incompatible(oldest, newest));
      refused.reject(unfit);
      refused = rejectable();
      throw unfit;
    }
    agreed(format);
    first.resolve();
  };
  const everyMs = Math.max(beatMsMin, Math.min(beatMsMax, recoveryMsMax / beatsPerWindow));
  const timer = setInterval(() => main() && void beat().catch(failed), everyMs);
  return {
    beat,
    /** Resolves with the first heartbeat. */
    first: first.promise,
    /** Rejects the next time that no format is common to all processes. Never resolves. */
    refusal: () => refused.promise,
    /** From now on the others do not consider this process. */
    stop(): void {
      clearInterval(timer);
      if (main()) use((client) => client.hDel(keys.formats, processId)).catch(failed);
    },
  };
}

const incompatible = (oldest: Format, newest: Format) =>
  `The running processes read formats ${oldest} to ${newest} of the adapter, and this version ` +
  `reads formats ${formats.oldest} to ${formats.newest}: first run a version that reads both ` +
  'everywhere, or stop all other processes';
