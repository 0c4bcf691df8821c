// The interface of an engine, which orders, stores and transports messages. There are two: Redis,
// which all processes share, and the memory of one process. Both pass
// service/adapter/test/engine.test.ts, and all code above this interface is the same for both.
import type { Id } from '../delivery/envelope.ts';
import type { Format } from '../delivery/formats.ts';

/** A message or bundle, and its targets. */
export interface Publication {
  payload: Buffer;
  /** How many messages the payload contains. Each gets its own id. */
  messages: number;
  /**
   * Names of the logs that store it, one per room. Without a log it gets no id. A large message to
   * several rooms is stored once.
   */
  logs: string[];
  channels: string[];
  /** The rooms of a message to several rooms. Sent on the channels, but not stored in the logs. */
  rooms?: string[];
  /** An entry for a list of the application, appended atomically. */
  record?: { key: string; value: string; entriesMax: number; bytesMax: number; ms: number };
  /** Sent as it is, with the message. */
  raw?: RawMessage;
  once?: Once;
}

/** An idempotency key: published at most once in `ms` milliseconds. */
export interface Once {
  key: string;
  ms: number;
  /** Of the content, which a repetition must have in common. All have the same length. */
  digest: string;
  /** What repetitions get. */
  result: string;
}

/** A message on a channel of the bus. */
export interface RawMessage {
  channel: string;
  message: Buffer;
}

/** The result of a publication. */
export interface Outcome {
  /** The id of its last message. */
  id: Id;
  /** False if the idempotency key was used before. */
  first: boolean;
  /** Whether it was used with another content. */
  conflict: boolean;
  /** That of the first publication with the key. */
  result: string;
}

export interface Subscription {
  /**
   * The current or last attempt to subscribe. Resolves once messages arrive, to an id: every later
   * message of the channel arrives or, after an outage, is in a log.
   */
  readonly ready: Promise<Id>;
  close(): void;
}

/** @param rooms the rooms of a message to several rooms */
export type Receive = (id: Id, payload: Buffer, rooms?: string[]) => void;

/** Reads the entries of a log after an id. */
export interface LogPosition {
  log: string;
  after: Id;
}

/** The entries of a log after a position. The id of a bundle is the id of its last message. */
export type LogPart =
  | { status: 'ok'; entries: { id: Id; payload: Buffer }[] }
  /** Entries after the position are lost, or may be: a log keeps them for a limited time. */
  | { status: 'trimmed' }
  /** There are more entries than the limits allow. */
  | { status: 'too_much' };

export interface ReadLimits {
  messagesMax: number;
  bytesMax: number;
  /** Later entries are ignored: they do not count. */
  upTo: Id;
}

export interface RecordLimits {
  entriesMax: number;
  /** Reading stops at the value that reaches it. */
  bytesMax: number;
}

export interface RecordPage {
  values: { id: Id; value: string }[];
  /** Whether there may be older values. */
  more: boolean;
}

export interface SessionKey {
  namespace: string;
  /** The private session id. */
  pid: string;
  user: string;
}

/** A write of a session, after which any process can restore it. */
export interface SessionWrite extends SessionKey {
  /** The fencing token. A claim raises it, and saves with a smaller one are refused. */
  epoch: number;
  /** JSON. */
  state: string;
  /** The format of the state. */
  format: Format;
  /** Replaces what is stored. Otherwise only the given rooms change. */
  whole: boolean;
  /** Rooms and the positions at which they were joined. */
  joined: [room: string, position: Id][];
  left: string[];
  /**
   * Everything up to this id has arrived at the client. `undefined` after a claim until the client
   * has answered: only that ends its loss.
   */
  confirmed: Id | undefined;
  /** How long ago the socket disconnected, in milliseconds. `undefined` while it is connected. */
  goneMs: number | undefined;
}

/** `taken`: a newer claim has the session. `incomplete`: the whole session must be written. */
export type SaveOutcome = 'saved' | 'taken' | 'incomplete';

export type ClaimOutcome =
  | {
      ok: true;
      epoch: number;
      state: string;
      format: Format;
      joined: [room: string, position: Id][];
      /** Everything up to this id has certainly arrived at the client. */
      received: Id;
      /** The newest id. */
      highWatermark: Id;
      /** The answer of the process that had the session, unless it is gone or too slow. */
      handover: string | undefined;
    }
  | { ok: false; why: 'unknown' | 'expired' | 'refused' | 'limited' | 'unreadable' };

/** Every method rejects with `EngineUnavailable` if the engine is down or too slow. */
export interface Engine {
  /**
   * Assigns ids, appends to the logs and sends on the channels, in order. Each publication is
   * atomic. After a rejection they may still have been published, unless it is `FormatRefused`.
   * @param format of all payloads
   */
  publish(publications: Publication[], format: Format): Promise<Outcome[]>;
  /**
   * Calls `receive` with each message of a channel, in the order of publishing.
   * @param log the log of the channel, if it has its own
   * @param after the subscription is ready from this id on if the log has no later message by then.
   * Otherwise it is ready from the newest id on.
   */
  subscribe(channel: string, log: string | undefined, receive: Receive, after?: Id): Subscription;
  /**
   * The newest id, raised to the clock. When it resolves, earlier messages have arrived on the
   * subscribed channels or, after an outage, are in the logs.
   */
  position(): Promise<Id>;
  /**
   * Reads several logs. The limits apply to their total, in which a message to several rooms counts
   * once. Logs with entries beyond the limits are `too_much`.
   */
  readLogs(positions: LogPosition[], limits: ReadLimits): Promise<LogPart[]>;
  /** The newest values of a record before an id or `+`, newest first. */
  readRecord(key: string, before: string, limits: RecordLimits): Promise<RecordPage>;
  /**
   * Writes a session. The recovery window starts when its socket is first gone, and ends only when
   * the client has confirmed that it is back: not with a claim.
   */
  saveSession(session: SessionWrite): Promise<SaveOutcome>;
  /** Takes over a session. The newest claim wins, and the previous process hands it over. */
  claimSession(key: SessionKey): Promise<ClaimOutcome>;
  /** Deletes a session unless a newer claim has it. */
  deleteSession(key: SessionKey, epoch: number): Promise<void>;
}

/** Requests between servers: raw messages that are not stored. */
export interface Bus {
  publish(channel: string, message: string | Buffer): Promise<unknown>;
  listen(channel: string, listener: BusListener, pattern: boolean): void;
  unlisten(channel: string, listener: BusListener): void;
  /** The number of processes that listen to a channel. */
  listeners(channel: string): Promise<number>;
}
export type BusListener = (message: Buffer, channel: Buffer) => void;

/** Events of an engine, for the stream. */
export interface EngineEvents {
  /** All subscriptions are active again. Messages published during the outage are in the logs. */
  up(): void;
  /** From now on messages may be missed. */
  down(): void;
  /**
   * The engine replied.
   * @param microseconds its clock, from which ids are made
   * @param position the newest id. Earlier messages have arrived on the subscribed channels.
   * @param askedAt when it was asked, by `performance.now()`
   */
  alive(microseconds: number, position: Id, askedAt: number): void;
  /**
   * Called with every heartbeat: everything up to the returned id has arrived at the clients of all
   * sockets that this process has confirmed.
   */
  received(): Id;
  /** The engine has lost the sessions of this process. */
  forgot(): void;
  /**
   * Another process claimed a session of this one.
   * @returns what only this process knows of the session, for the other one
   */
  claimed(key: Omit<SessionKey, 'user'>, epoch: number): string | undefined;
  /** A channel had a message in a format that this version does not read. */
  unreadable(channel: string): void;
  /** The format to write is now an older one. */
  formatLowered(): void;
}

export interface EngineConnection {
  /** Resolves once the engine is up for the first time. */
  opened: Promise<void>;
  isUp(): boolean;
  /** The format to write: the newest that all live processes read. */
  format(): Format;
  /** Rejects the next time that the engine is refused. Never resolves. */
  refusal(): Promise<never>;
  close(): Promise<void>;
}

export interface OpenedEngine {
  engine: Engine;
  bus: Bus;
  connection: EngineConnection;
}

/** Opens engines. */
export interface EngineSource {
  /** Whether there are several masters, so that each namespace has its own engine. */
  sharded: boolean;
  /** @param prefix the prefix of all keys and channels */
  open(prefix: string, events: EngineEvents): OpenedEngine;
}

/** Thrown when an operation failed or its outcome is unknown. */
export class EngineUnavailable extends Error {
  override name = 'EngineUnavailable';
}
