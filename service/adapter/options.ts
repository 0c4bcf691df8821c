// The options of the adapter: limits, with the unit in the name, and callbacks.
import type { Socket } from 'socket.io';
import type { Format, UnreadableKind } from './delivery/formats.ts';

export interface AdapterOptions {
  /**
   * How long a lost connection can be recovered, in milliseconds. Must equal
   * `connectionStateRecovery.maxDisconnectionDuration` of the server. 0 turns recovery off.
   */
  recoveryMsMax: number;
  /**
   * How long ago something must have been written to know that the clients of all open connections
   * have received it, in milliseconds. Follows from `pingInterval` and `pingTimeout` of the server.
   */
  noticeMsMax: number;
  /**
   * Prefix of all keys and channels. Servers with the same prefix and database form one cluster: a
   * database other than 0 is appended as `:@3`, because databases do not separate channels.
   */
  key: string;
  /**
   * Whether servers with `@socket.io/redis-adapter` on the same Redis get all messages, too. A text
   * is their `key`, if it differs from this one's. For a migration: it costs a PUBLISH per message.
   */
  bridge: boolean | string;
  /** Approximate entries and bytes that the log of one room keeps. */
  logEntriesMax: number;
  logBytesMax: number;
  /** The same of the log that stores large messages to several rooms once. */
  sharedEntriesMax: number;
  sharedBytesMax: number;
  /** Missed messages and bytes that are replayed. A session that missed more is not recovered. */
  replayMessagesMax: number;
  replayBytesMax: number;
  /** Buffer of one socket during its restore. On overflow its transport is closed. */
  heldMessagesMax: number;
  heldBytesMax: number;
  /** The catch-up buffer of the process. On overflow the process catches up again. */
  gatedMessagesMax: number;
  gatedBytesMax: number;
  /**
   * Packets to a single socket that its client may not have read, and their bytes: of the socket,
   * and of all sockets. Beyond them, a client that missed one of the oldest is not recovered.
   */
  unconfirmedMessagesMax: number;
  unconfirmedBytesMax: number;
  unconfirmedTotalBytesMax: number;
  /** Messages per script call. Larger batches are split. */
  batchMessagesMax: number;
  /**
   * The publish backlog, including calls without a reply. When it is full, publishes are refused.
   */
  queuedMessagesMax: number;
  queuedBytesMax: number;
  /** Sessions that are restored concurrently. Others wait. */
  restoresAtOnceMax: number;
  /** Timeout of a restore, from its turn on. The transport is then closed; the client retries. */
  restoreMsMax: number;
  /** Timeout of a command. Its outcome is then unknown. */
  commandMsMax: number;
  /**
   * TTL of a session's key, renewed after half of that. The time that a lost session is kept is
   * added.
   */
  sessionMsMax: number;
  /** Sessions per user. Beyond that, the oldest cannot be recovered. */
  sessionsPerUserMax: number;
  /** How often a session may be claimed from a live connection within ten seconds. */
  takeoversMax: number;
  /** Delay before unsubscribing from a room whose last local member left. */
  unsubscribeMs: number;
  /**
   * Resolves to the user id for the payload of a CONNECT packet. A session is restored only to the
   * same user, and never to `undefined`. A rejection closes the transport; the client tries again.
   * `connection` is the Engine.IO connection of the client.
   */
  identify(
    auth: Record<string, unknown>,
    namespace: string,
    connection: object,
  ): Promise<string | undefined>;
  /**
   * Resolves to those rooms of a session that a client may rejoin, for the payload of its CONNECT
   * packet. The others are neither joined nor replayed. A rejection closes the transport; the
   * client tries again.
   */
  admit(auth: Record<string, unknown>, rooms: string[], namespace: string): Promise<string[]>;
  observer: Observer;
  trail: Trail;
  sessions: SessionListener;
}

/** The options that a server passes. The others have defaults. */
export type GivenOptions = Partial<Omit<AdapterOptions, 'observer'>> & {
  observer?: Partial<Observer>;
};

/** Callbacks for metrics and logs. */
export interface Observer {
  restoreEnded(result: RestoreResult): void;
  /**
   * A message was written to `sockets` sockets of this process. One message may
   * cause several calls.
   * @param publishedAtMs by Redis's clock
   * @param context the context that it was published with
   */
  delivered(sockets: number, publishedAtMs: number, context?: string): void;
  caughtUp(messages: number): void;
  limitReached(limit: Limit): void;
  /**
   * Something is broken (format 0), or in a format that this version does not read. Clients that
   * need it are disconnected, and are not recovered here.
   */
  unreadable(kind: UnreadableKind, format: Format): void;
  failed(stage: string, error: unknown): void;
  /** A connection to Redis opened or closed. `isUp()` of the adapter returns the new state. */
  connectionChanged(): void;
}

/** A session as the listener sees it. The socket id stays the same when it is recovered. */
export interface SessionInfo {
  readonly namespace: string;
  readonly sid: string;
  /** The result of `identify`. */
  readonly user: string;
  /** Rises with every claim. Only the holder of the highest one has the session. */
  readonly epoch: number;
  /** Its rooms now, after it has closed: its last ones. */
  rooms(): string[];
}

/**
 * Follows every session through its life, for whatever belongs to sessions: who is in a room, for
 * example. Each session is opened or claimed, then changed, then released, ended or lost.
 */
export interface SessionListener {
  /** A socket connected with a new session. */
  opened(session: SessionInfo): void;
  /**
   * A connection claimed the session. It is restored once this resolves to true, and deleted if it
   * resolves to false. A rejection closes the transport; the client tries again.
   */
  claimed(session: SessionInfo): Promise<boolean>;
  /** It joined or left a room. */
  changed(session: SessionInfo): void;
  /** Its connection is gone. It may be claimed within the recovery window. */
  released(session: SessionInfo): void;
  /**
   * It is gone for good. It is deleted once this resolves, so that what belongs to it is never left
   * behind. After a rejection it is called again.
   */
  ended(session: SessionInfo): Promise<void>;
  /** Another connection has claimed it. */
  lost(session: SessionInfo): void;
}

/**
 * Callbacks for single sockets and messages, to investigate one complaint. While `active` is false,
 * none is called and nothing is allocated: a delivery costs one check.
 */
export interface Trail {
  readonly active: boolean;
  /** Redis stored the message. `first` is false if its `once` key was used before. */
  published(message: TracedMessage, outcome: { id: string; first: boolean }): void;
  /** Redis did not confirm the message. It may still have been published. */
  publishFailed(message: TracedMessage): void;
  /** Written to a socket of this process. @param replayed whether a restore read it from a log */
  delivered(socket: Socket, id: string, replayed: boolean): void;
  /** Written to a socket of this process directly, without Redis. */
  sent(socket: Socket, event: string): void;
  restored(attempt: RestoreAttempt): void;
}

/** The target of a message, without its content. */
export interface TracedMessage {
  namespace: string;
  event: string;
  /** Empty for the whole namespace. */
  rooms: string[];
  /** The number of excluded rooms. */
  except: number;
  volatile: boolean;
}

export interface RestoreAttempt {
  namespace: string;
  /** The result of `identify`. */
  user: string;
  /** The private session id. It is a secret: never log it. */
  pid: string;
  /** As the client sent it, unvalidated. */
  offset: string;
  result: RestoreResult;
  /** The socket id of the session, if it was found. */
  sid: string | undefined;
  replayed: number;
}

/** Every limit that `limitReached` reports, named after its options. */
export const limits = [
  'held',
  'gated',
  'unconfirmed',
  'queued',
  'replay',
  'log_bytes',
  'sessions_per_user',
  'takeovers',
  'restore_ms',
] as const;
export type Limit = (typeof limits)[number];

/** Every result of an attempt to restore a session. */
export const restoreResults = [
  'recovered',
  'unknown', // no such session
  'expired',
  'refused', // it belongs to another user
  'limited', // claimed from live connections too often
  'trimmed', // the log or Redis lost missed messages
  'too_much',
  'unreadable', // in a format that this version does not read
  'future', // the client's offset is ahead of the log, or none of ours
  'postponed', // Redis is unavailable or slow; the client tries again
] as const;
export type RestoreResult = (typeof restoreResults)[number];

const ignore = () => {};

/** How long a log is kept after its last message, and a session after its socket closed. */
export const keepMsOf = ({ recoveryMsMax, noticeMsMax }: AdapterOptions) =>
  2 * recoveryMsMax + noticeMsMax + keepMarginMs;

/** The key of requests between servers, and of the messages of stock servers and emitters. */
export const stockKeyOf = ({ bridge, key }: AdapterOptions): string =>
  typeof bridge === 'string' ? bridge : key;

const keepMarginMs = 10_000;

export const defaultOptions: AdapterOptions = {
  recoveryMsMax: 120_000,
  noticeMsMax: 115_000,
  key: 'socket.io',
  bridge: false,
  logEntriesMax: 1_000,
  logBytesMax: 16_777_216,
  sharedEntriesMax: 20_000,
  sharedBytesMax: 67_108_864,
  replayMessagesMax: 1_000,
  replayBytesMax: 1_048_576,
  heldMessagesMax: 10_000,
  heldBytesMax: 8_388_608,
  gatedMessagesMax: 100_000,
  gatedBytesMax: 67_108_864,
  unconfirmedMessagesMax: 1_000,
  unconfirmedBytesMax: 262_144,
  unconfirmedTotalBytesMax: 67_108_864,
  batchMessagesMax: 64,
  queuedMessagesMax: 10_000,
  queuedBytesMax: 67_108_864,
  restoresAtOnceMax: 50,
  restoreMsMax: 5_000,
  commandMsMax: 1_500,
  sessionMsMax: 86_400_000,
  sessionsPerUserMax: 1_000,
  takeoversMax: 10,
  unsubscribeMs: 1_000,
  identify: async () => '',
  admit: async (_auth, rooms) => rooms,
  observer: {
    restoreEnded: ignore,
    delivered: ignore,
    caughtUp: ignore,
    limitReached: ignore,
    unreadable: ignore,
    failed: ignore,
    connectionChanged: ignore,
  },
  trail: {
    active: false,
    published: ignore,
    publishFailed: ignore,
    delivered: ignore,
    sent: ignore,
    restored: ignore,
  },
  sessions: {
    opened: ignore,
    claimed: async () => true,
    changed: ignore,
    released: ignore,
    ended: async () => {},
    lost: ignore,
  },
};
