// The load client: many stock clients, each in a room that receives numbered messages, and a report
// of what they experienced. `make e2e`, `make chaos` and the tests import it.
import { randomBytes } from 'node:crypto';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ManagerOptions } from 'socket.io-client';
import { createClient, type LoadClient } from './client.ts';
import { judge, type Range, type Report } from './judge.ts';
import { createPublisher, type Publishing } from './publisher.ts';
import { type ClientRecord, resetRecord } from './record.ts';

export interface LoadOptions {
  /** The URL that clients connect to, e.g. `http://127.0.0.1:8080`. */
  url: string;
  clients: number;
  /** Each client is in one room. */
  rooms: number;
  /** Messages per second in each room. */
  rate: number;
  /** Assigned round robin: `[['polling', 'websocket'], ['websocket']]` is half and half. */
  transports: string[][];
  /** Returns a token for a user; it must allow the rooms `load-*`. */
  tokenFor(user: string): string;
  /** New clients per second while it starts. */
  connectsPerSecond?: number;
  /** Sent with every request. */
  headers?: Record<string, string>;
  /** Gives each client its own X-Forwarded-For, for a proxy with ip_hash that trusts us. */
  forwardedFor?: boolean;
  /** Overrides options of the stock client. */
  manager?: Partial<ManagerOptions>;
}

export interface LoadReport extends Report {
  /** Since the start of the measurement. */
  seconds: number;
  publishing: Publishing;
  /** Event loop delay of this process. If it is high, it distorts the times to reconnect. */
  lateMs: { p99: number; max: number };
}

export interface Load {
  /** Restarts the measurement and discards everything before. */
  mark(): void;
  /**
   * What happened since the mark. Waits up to `graceMs` for clients that are reconnecting and for
   * messages in flight. `pods` adds pods to the spread that may have no client.
   */
  report(options?: { graceMs?: number; pods?: string[] }): Promise<LoadReport>;
  records(): readonly ClientRecord[];
  /** Their names. */
  rooms: readonly string[];
  /** Rejects if a publisher is refused permanently; otherwise resolves after `stop`. */
  ended: Promise<void>;
  stop(): Promise<void>;
}

const graceMsDefault = 10_000;
const startMsMax = 30_000; // after the last client began to connect
const pollMs = 50;
const delayResolutionMs = 10;

/** Resolves when every client has joined its room and messages are being published. */
export async function startLoad(options: LoadOptions): Promise<Load> {
  const { rooms, clients, publishers } = createAll(options);
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  delay.enable();
  const stop = async () => {
    delay.disable();
    for (const client of clients) client.stop();
    await Promise.all(publishers.map((publisher) => publisher.stop()));
  };
  try {
    await startAll([...publishers, ...clients], options.connectsPerSecond ?? 100);
  } catch (error) {
    await stop();
    throw explained(error, clients);
  }
  const ended = Promise.all(publishers.map((publisher) => publisher.run())).then(() => {});
  ended.catch(() => {}); // callers watch `ended`

  const states = publishers.map(({ state }) => state);
  const records = clients.map(({ record }) => record);
  const roomOf = ({ client }: ClientRecord) => client % options.rooms;
  let firsts = states.map(() => 1);
  let markedAt = performance.now();
  const isBack = (record: ClientRecord, lasts: number[]) =>
    record.pod !== undefined && (record.numbers.at(-1) ?? 0) >= (lasts[roomOf(record)] as number);

  return {
    mark() {
      firsts = publishers.map((publisher) => publisher.reset());
      for (const record of records) resetRecord(record, firsts[roomOf(record)] as number);
      markedAt = performance.now();
      delay.reset();
    },
    async report({ graceMs = graceMsDefault, pods } = {}) {
      const seconds = (performance.now() - markedAt) / 1_000;
      const publishing = summed(states);
      const late = (ns: number) => Math.max(0, Math.round(ns / 1e6) - delayResolutionMs);
      const lateMs = { p99: late(delay.percentile(99)), max: late(delay.max) };
      const lasts = states.map(({ acknowledged }) => acknowledged);
      const end = performance.now() + graceMs;
      while (performance.now() < end && !records.every((record) => isBack(record, lasts))) {
        await sleep(pollMs);
      }
      const rangeOf = (record: ClientRecord): Range => ({
        first: firsts[roomOf(record)] as number,
        last: lasts[roomOf(record)] as number,
      });
      return { seconds, publishing, lateMs, ...judge(records, rangeOf, pods) };
    },
    records: () => records,
    rooms,
    ended,
    stop,
  };
}

function createAll(options: LoadOptions) {
  const { url, tokenFor, transports, manager, rate } = options;
  const run = `load-${randomBytes(3).toString('hex')}`;
  const rooms = Array.from({ length: options.rooms }, (_, number) => `${run}-${number}`);
  const visitor = (user: string, number: number) => ({
    url,
    token: tokenFor(user),
    headers: {
      ...options.headers,
      ...(options.forwardedFor && { 'X-Forwarded-For': addressOf(number) }),
    },
    transports: transports[number % transports.length] as string[],
    manager,
  });
  const publishers = rooms.map((room, number) =>
    createPublisher(room, rate, visitor(`${run}-publisher-${number}`, options.clients + number)),
  );
  const clients = Array.from({ length: options.clients }, (_, number) =>
    createClient(number, rooms[number % rooms.length] as string, visitor(`load-${number}`, number)),
  );
  return { rooms, clients, publishers };
}

/** A private address, each in its own /24: ip_hash ignores the last octet. */
const addressOf = (number: number) => `10.${(number >> 8) & 255}.${number & 255}.1`;

async function startAll(starters: Pick<LoadClient, 'start'>[], perSecond: number): Promise<void> {
  const started = [];
  for (const starter of starters) {
    const start = starter.start();
    start.catch(() => {}); // handled below
    started.push(start);
    await sleep(1_000 / perSecond);
  }
  const late = new AbortController();
  const { signal } = late;
  const limit = sleep(startMsMax, undefined, { signal, ref: false }).then(() => {
    throw new Error(`Not all clients connected within ${startMsMax / 1_000} s`);
  });
  try {
    await Promise.race([Promise.all(started), limit]);
  } finally {
    late.abort();
    limit.catch(() => {});
  }
}

/** Adds the connect errors that clients saw meanwhile. */
function explained(error: unknown, clients: LoadClient[]): Error {
  const kinds = clients.flatMap(({ record }) => record.connectErrors.map(({ kind }) => kind));
  const seen = kinds.length > 0 ? `; connect errors: ${[...new Set(kinds)].join(', ')}` : '';
  return new Error(`${(error as Error).message}${seen}`, { cause: error });
}

function summed(states: Publishing[]): Publishing {
  return {
    acknowledged: states.reduce((sum, { acknowledged }) => sum + acknowledged, 0),
    stallMsMax: Math.max(0, ...states.map(({ stallMsMax }) => stallMsMax)),
    retries: states.reduce((sum, { retries }) => sum + retries, 0),
  };
}
