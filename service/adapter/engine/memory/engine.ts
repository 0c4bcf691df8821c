// The engine of a single process, in its memory. Engines on one store behave like several processes
// on one Redis.
import { randomUUID } from 'node:crypto';
import { type Id, idLength, noId } from '../../delivery/envelope.ts';
import { formats } from '../../delivery/formats.ts';
import { type AdapterOptions, keepMsOf } from '../../options.ts';
import type {
  ClaimOutcome,
  Engine,
  EngineEvents,
  EngineSource,
  Once,
  Outcome,
  Publication,
  Receive,
} from '../engine.ts';
import { createMemoryBus } from './bus.ts';
import { createExpiringMap } from './expiring-map.ts';
import { createLogs } from './logs.ts';
import { createSessions } from './sessions.ts';

export type MemoryStore = ReturnType<typeof createMemoryStore>;

const keptMax = 100_000; // idempotency keys, and records
const sweepMs = 10_000;
const heartbeatMs = 2_000;

export function createMemoryStore(options: AdapterOptions) {
  const keepMs = keepMsOf(options);
  const { logEntriesMax: entriesMax, logBytesMax: bytesMax } = options;
  const horizon = () => idOf(nowMicroseconds() - keepMs * 1000);
  /** The event callbacks of the engines that hold sessions. */
  const holders = new Map<string, EngineEvents>();
  return {
    /** The newest id that was assigned or read, as a number. */
    last: 0,
    channels: new Map<string, Set<Receive>>(),
    logs: createLogs({ entriesMax, bytesMax, keepMs }, horizon),
    sessions: createSessions({ ...options, keepMs }, (holder) => holders.get(holder)?.received()),
    published: createExpiringMap<Once & { id: Id }>(keptMax),
    records: createExpiringMap<{ id: Id; value: string }[]>(keptMax),
    holders,
    bus: createMemoryBus(),
  };
}

/** @param store pass one to share it between engines */
export function memorySource(
  options: AdapterOptions,
  store: MemoryStore = createMemoryStore(options),
): EngineSource {
  return {
    sharded: false,
    open(_, events) {
      const holder = randomUUID();
      store.holders.set(holder, events);
      const sweep = setInterval(() => {
        for (const part of [store.logs, store.sessions, store.published, store.records]) {
          part.sweep();
        }
      }, sweepMs).unref();
      const answer = () => events.alive(nowMicroseconds(), positionOf(store), performance.now());
      const heartbeat = setInterval(() => {
        events.received();
        answer();
      }, heartbeatMs).unref();
      queueMicrotask(events.up);
      return {
        engine: createMemoryEngine(store, holder, answer, options.observer),
        bus: store.bus,
        connection: {
          opened: Promise.resolve(),
          isUp: () => true,
          format: () => formats.newest, // all processes run the same version
          refusal: () => new Promise(() => {}),
          async close() {
            clearInterval(sweep);
            clearInterval(heartbeat);
            store.holders.delete(holder);
          },
        },
      };
    },
  };
}

const nowMicroseconds = () => Math.floor((performance.timeOrigin + performance.now()) * 1000);
const idOf = (number: number): Id => String(number).padStart(idLength, '0');

function positionOf(store: MemoryStore): Id {
  store.last = Math.max(store.last, nowMicroseconds());
  return idOf(store.last);
}

function createMemoryEngine(
  store: MemoryStore,
  holder: string,
  answer: () => void,
  { limitReached }: AdapterOptions['observer'],
): Engine {
  return {
    async publish(publications) {
      store.bus.flush();
      return publications.map((publication) => publishOne(store, publication, limitReached));
    },
    subscribe(channel, _log, receive) {
      answer(); // so that a join starts exactly here
      const receivers = store.channels.get(channel) ?? new Set();
      store.channels.set(channel, receivers.add(receive));
      return {
        ready: Promise.resolve(positionOf(store)),
        close() {
          receivers.delete(receive);
          if (receivers.size === 0) store.channels.delete(channel);
        },
      };
    },
    position: async () => positionOf(store),
    async readLogs(positions, limits) {
      const reading = { left: { ...limits }, ids: new Set<Id>() };
      return positions.map(({ log, after }) => store.logs.read(log, after, reading));
    },
    async readRecord(key, before, { entriesMax, bytesMax }) {
      const all = store.records.get(key) ?? [];
      const older = all.filter(({ id }) => before === '+' || id < before).reverse();
      let bytes = 0;
      const end = older.findIndex(({ value }, i) => {
        bytes += Buffer.byteLength(value);
        return i + 1 >= entriesMax || bytes >= bytesMax;
      });
      const values = end === -1 ? older : older.slice(0, end + 1);
      return { values, more: values.length < older.length };
    },
    async saveSession(session) {
      const outcome = store.sessions.save(session, holder);
      if (outcome !== 'evicted') return outcome;
      limitReached('sessions_per_user');
      return 'saved';
    },
    async claimSession(key): Promise<ClaimOutcome> {
      const claim = store.sessions.claim(key, holder);
      if (!claim.ok) return claim;
      const { before, ...session } = claim;
      const { namespace, pid } = key;
      const handover =
        before === holder
          ? undefined
          : store.holders.get(before)?.claimed({ namespace, pid }, session.epoch);
      return { ...session, highWatermark: positionOf(store), handover };
    },
    async deleteSession(key, epoch) {
      store.sessions.delete(key, epoch);
    },
  };
}

function publishOne(
  store: MemoryStore,
  { payload, messages, logs, channels, rooms, record, once, raw }: Publication,
  limitReached: AdapterOptions['observer']['limitReached'],
): Outcome {
  const before = once && store.published.get(once.key);
  if (before) {
    const conflict = before.digest !== once?.digest;
    return { id: before.id, first: false, conflict, result: conflict ? '' : before.result };
  }
  let id = noId;
  if (logs.length > 0 || record) {
    store.last = Math.max(store.last, nowMicroseconds() - 1) + messages;
    id = idOf(store.last);
  }
  for (const log of logs) {
    if (store.logs.append(log, id, payload)) limitReached('log_bytes');
  }
  if (record) {
    const { key, value, entriesMax, bytesMax, ms } = record;
    const values = [...(store.records.get(key) ?? []), { id, value }].slice(-entriesMax);
    let bytes = values.reduce((sum, one) => sum + Buffer.byteLength(one.value), 0);
    while (bytes > bytesMax && values.length > 1) {
      bytes -= Buffer.byteLength(values.shift()?.value ?? '');
    }
    store.records.set(key, values, ms);
  }
  if (once) store.published.set(once.key, { id, ...once }, once.ms);
  for (const channel of channels) {
    for (const receive of [...(store.channels.get(channel) ?? [])]) receive(id, payload, rooms);
  }
  if (raw) void store.bus.publish(raw.channel, raw.message);
  return { id, first: true, conflict: false, result: once?.result ?? '' };
}
