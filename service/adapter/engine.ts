// What the adapter asks of the system that orders, keeps and carries its messages. There are two:
// Redis, shared by all processes, and the memory of one process. Everything above this interface is
// the same for both, and service/adapter/test/engine.test.ts holds both to it.
import type { Id } from './delivery/envelope.ts';

/** One message, or a bundle of several, and where it goes. */
export interface Publication {
  payload: Buffer;
  /** How many messages the payload holds: each has an id of its own. */
  messages: number;
  /** Names of the logs that keep it, one for each of its rooms; none: it gets no id. */
  logs: string[];
  channels: string[];
  /** The rooms of a message to several: each channel carries them, no log keeps them. */
  rooms?: string[];
  /** A list of the application's that gets an entry in the same step. */
  record?: { key: string; value: string; entriesMax: number; ms: number };
  /** An idempotency key: the publication happens once in `ms` milliseconds. */
  once?: { key: string; ms: number };
}

/** What became of a publication. */
export interface Outcome {
  /** Of its last message. */
  id: Id;
  /** False: it was published before, and `record` is what was recorded then. */
  first: boolean;
  record: string;
}

export interface Subscription {
  /**
   * Of the attempt that is under way or was the last. Resolves when messages arrive, to the newest
   * id by then: every later message of the channel arrives or is in a log.
   */
  readonly ready: Promise<Id>;
  close(): void;
}

/** @param rooms of a message to several rooms */
export type Receive = (id: Id, payload: Buffer, rooms?: string[]) => void;

/** Where to read a log: entries after an id. */
export interface LogPosition {
  log: string;
  after: Id;
}

/** What a log holds after a position; payloads may be bundles, whose id is that of their last. */
export type LogPart =
  | { status: 'ok'; entries: { id: Id; payload: Buffer }[] }
  /** Entries after the position are lost. */
  | { status: 'trimmed' }
  /** They are more than the limits allow. */
  | { status: 'too_much' };

export interface ReadLimits {
  messagesMax: number;
  bytesMax: number;
}

/** A session as it is kept, so that any process can restore it. */
export interface StoredSession {
  namespace: string;
  /** The private session id. */
  pid: string;
  user: string;
  /** The fencing token: a claim raises it, and saves with an older one are refused. */
  epoch: number;
  /** JSON. */
  state: string;
}

export type SessionKey = Pick<StoredSession, 'namespace' | 'pid' | 'user'>;

export type ClaimOutcome =
  | {
      ok: true;
      epoch: number;
      state: string;
      /** The newest id. */
      highWatermark: Id;
      /** Messages up to it may be lost. */
      lowWatermark: Id;
    }
  | { ok: false; why: 'unknown' | 'expired' | 'refused' | 'limited' };

/** Every method rejects with `EngineUnavailable` while the engine is down, or too slow. */
export interface Engine {
  /**
   * Assigns ids, appends to the logs and sends to the channels, each publication wholly or not at
   * all, in this order. When it rejects, they may have been published all the same.
   */
  publish(publications: Publication[]): Promise<Outcome[]>;
  /**
   * Calls `receive` with each message of a channel, in the order of publishing.
   * @param log the log behind the channel, if it has one of its own
   */
  subscribe(channel: string, log: string | undefined, receive: Receive): Subscription;
  /**
   * The newest id. By then, what was published before has arrived on every subscribed channel, or,
   * after an outage, is in the logs.
   */
  position(): Promise<Id>;
  /** Reads several logs, until the limits of all together are reached: the rest is `too_much`. */
  readLogs(positions: LogPosition[], limits: ReadLimits): Promise<LogPart[]>;
  /** The newest `count` values of a record before an id or `+`, newest first. */
  readRecord(key: string, before: string, count: number): Promise<{ id: Id; value: string }[]>;
  /**
   * Writes a session unless a newer claim has it: then it resolves to false.
   * @param gone the socket is gone: from now on the session may be claimed for the recovery window
   */
  saveSession(session: StoredSession, gone: boolean): Promise<boolean>;
  /** Takes a session over, wherever it is: the newest claim wins, and its process is notified. */
  claimSession(key: SessionKey): Promise<ClaimOutcome>;
  /** Deletes a session unless a newer claim has it. */
  deleteSession(key: SessionKey, epoch: number): Promise<void>;
}

/** Requests between servers: raw messages that are kept nowhere. */
export interface Bus {
  publish(channel: string, message: string | Buffer): Promise<unknown>;
  listen(channel: string, listener: BusListener, pattern: boolean): void;
  unlisten(channel: string, listener: BusListener): void;
  /** How many processes listen to a channel. */
  listeners(channel: string): Promise<number>;
}
export type BusListener = (message: Buffer, channel: Buffer) => void;

/** What an engine reports to the stream above it. */
export interface EngineEvents {
  /** All subscriptions are active again; what was published during the outage is in the logs. */
  up(): void;
  /** From now on messages may be missed. */
  down(): void;
  /**
   * The engine answered.
   * @param microseconds its clock, of which ids are made
   * @param sentAt when it was asked, by `performance.now()`
   */
  alive(microseconds: number, sentAt: number): void;
  /** Another process claimed a session of this one. */
  claimed(key: Omit<SessionKey, 'user'>, epoch: number): void;
}

export interface EngineConnection {
  /** Resolves when the engine is up for the first time. */
  opened: Promise<void>;
  isUp(): boolean;
  /** Rejects when the engine is refused from now on; never resolves. */
  refusal(): Promise<never>;
  close(): Promise<void>;
}

export interface OpenedEngine {
  engine: Engine;
  bus: Bus;
  connection: EngineConnection;
}

/** Something that opens engines. */
export interface EngineSource {
  /** Several masters: a namespace has an engine of its own. */
  sharded: boolean;
  /** @param prefix of all names of keys and channels */
  open(prefix: string, events: EngineEvents): OpenedEngine;
}

/** Thrown for everything that an engine did not do, or may not have done. */
export class EngineUnavailable extends Error {
  override name = 'EngineUnavailable';
}
