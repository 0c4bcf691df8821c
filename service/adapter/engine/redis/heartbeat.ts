// Renews the key of this process, which shows until when its sessions were connected, and agrees
// with the other processes on the format to write.
import type { Id } from '../../delivery/envelope.ts';
import { type Format, formats } from '../../delivery/formats.ts';
import { type AdapterOptions, keepMsOf } from '../../options.ts';
import { rejectable } from './connection.ts';
import type { Connections } from './connections.ts';
import { type Keys, positionKeys } from './keys.ts';
import { RedisUnfit } from './requirements.ts';
import { heartbeat as script } from './scripts.ts';

const beatsPerWindow = 8;
const beatMsMin = 250;
const beatMsMax = 2_000;
const aliveMsMin = 1_000;
const pauseBeats = 3;

/** How often a process sends a heartbeat. */
const everyMsOf = ({ recoveryMsMax }: Pick<AdapterOptions, 'recoveryMsMax'>) =>
  Math.max(beatMsMin, Math.min(beatMsMax, recoveryMsMax / beatsPerWindow));

/** After this time without a heartbeat, a process has been dead for longer than the window. */
export const aliveMsOf = ({ recoveryMsMax }: Pick<AdapterOptions, 'recoveryMsMax'>) =>
  Math.max(aliveMsMin, recoveryMsMax);

/** After this time without a heartbeat of any process, Redis is unavailable. */
export const pauseMsOf = (options: Pick<AdapterOptions, 'recoveryMsMax'>) =>
  pauseBeats * everyMsOf(options);

interface Events {
  /** Everything up to this id has arrived at all clients of this process. */
  received(): Id;
  /** Redis answered, with the newest id and its clock, to a question of the given time. */
  alive(id: Id, microseconds: string, askedAt: number): void;
  /** The key of this process was gone. */
  forgot(): void;
  /** The format to write. */
  agreed(format: Format): void;
  failed(error: unknown): void;
}

type Answer = [
  id: Id,
  microseconds: string,
  before: string,
  agreed: Format,
  oldest: Format,
  newest: Format,
];

export function startHeartbeat(
  { main, run, use }: Pick<Connections, 'main' | 'run' | 'use'>,
  keys: Keys,
  processId: string,
  options: AdapterOptions,
  { received, alive, forgot, agreed, failed }: Events,
) {
  const first = Promise.withResolvers<void>();
  let refused = rejectable();
  let isFirst = true;
  const own = keys.processes + processId;
  const names = [...positionKeys(keys), own, keys.formats, keys.heartbeats];
  const args = [aliveMsOf(options), processId, formats.oldest, formats.newest].map(String);
  const times = [keepMsOf(options), pauseMsOf(options)].map(String);
  const beat = async () => {
    const askedAt = performance.now();
    const answer = (await run(script, names, [...args, received(), ...times])) as Answer;
    const [id, microseconds, before, format, oldest, newest] = answer;
    alive(id, microseconds, askedAt);
    if (format === 0) {
      const unfit = new RedisUnfit(incompatible(oldest, newest));
      refused.reject(unfit);
      refused = rejectable();
      throw unfit;
    }
    agreed(format);
    if (before === '' && !isFirst) forgot(); // it has expired, or the data is lost
    isFirst = false;
    first.resolve();
  };
  const timer = setInterval(() => main() && void beat().catch(failed), everyMsOf(options));
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
