// Every limit of the adapter, with its unit in the name, and what a server may be told.
import type { Socket } from 'socket.io';

export interface AdapterOptions {
  /**
   * Milliseconds within which a lost connection can be recovered: what the server has as
   * `connectionStateRecovery.maxDisconnectionDuration`. 0: it cannot.
   */
  recoveryMsMax: number;
  /** Prefix of all keys and channels; servers with the same one are one cluster. */
  key: string;
  /** Entries and bytes that the log of one room keeps, about. */
  logEntriesMax: number;
  logBytesMax: number;
  /** Messages and bytes that one restored session may have missed; more: not recovered. */
  replayMessagesMax: number;
  replayBytesMax: number;
  /** What waits for one socket while it is restored; more: its transport is closed. */
  heldMessagesMax: number;
  heldBytesMax: number;
  /** What waits while the process catches up; more: it catches up once more. */
  gatedMessagesMax: number;
  gatedBytesMax: number;
  /** Messages in one script call; what one turn of the event loop publishes is split by it. */
  batchMessagesMax: number;
  /** What waits for a script call or its answer; more: publishing is refused. */
  queuedMessagesMax: number;
  queuedBytesMax: number;
  /** Sessions that are restored at once; others wait in line. */
  restoresAtOnceMax: number;
  /** Milliseconds a restore may take; then the transport is closed: the client tries again. */
  restoreMsMax: number;
  /** Milliseconds a command may take; later it counts as failed, its outcome unknown. */
  commandMsMax: number;
  /** Milliseconds a session's key outlives its last write; written anew in half the time. */
  sessionMsMax: number;
  /** Sessions of one user; with more, the oldest can't be recovered. */
  sessionsPerUserMax: number;
  /** How often within ten seconds a session may be claimed from a live connection. */
  takeoversMax: number;
  /** Milliseconds a room's channel is kept after its last local member left. */
  unsubscribeMs: number;
  /**
   * Who connects, from the CONNECT packet's payload; only the same one may restore a session.
   * `undefined` restores nothing. Rejecting closes the transport: the client tries again.
   */
  identify(auth: Record<string, unknown>, namespace: string): Promise<string | undefined>;
  observer: Observer;
  trail: Trail;
}

/** What a server gives; the rest are defaults. */
export type GivenOptions = Partial<Omit<AdapterOptions, 'observer'>> & {
  observer?: Partial<Observer>;
};

/** Told what happens inside, for metrics and logs. */
export interface Observer {
  restoreEnded(result: RestoreResult): void;
  /**
   * Written to so many sockets of this process; a message to several rooms is told several times.
   * @param publishedAtMs by Redis's clock
   * @param context what it was published with
   */
  delivered(sockets: number, publishedAtMs: number, context?: string): void;
  caughtUp(messages: number): void;
  limitReached(limit: Limit): void;
  failed(stage: string, error: unknown): void;
  /** A connection to Redis has come or gone; `isUp()` of the adapter says which. */
  connectionChanged(): void;
}

/**
 * Told about single sockets and messages, to follow one complaint. While `active` is false nothing
 * here is called, and nothing is allocated for it: each delivery costs one check.
 */
export interface Trail {
  readonly active: boolean;
  /** Redis has it; `first` is false when its `once` key was published before. */
  published(message: TracedMessage, outcome: { id: string; first: boolean }): void;
  /** Redis did not confirm it: it may be published all the same. */
  publishFailed(message: TracedMessage): void;
  /** Written to a socket of this process. @param replayed it was read from a log by a restore */
  delivered(socket: Socket, id: string, replayed: boolean): void;
  /** Written to a socket by its own process, past Redis. */
  sent(socket: Socket, event: string): void;
  restored(attempt: RestoreAttempt): void;
}

/** Where a message goes, without what it says. */
export interface TracedMessage {
  namespace: string;
  event: string;
  /** None: everybody in the namespace. */
  rooms: string[];
  /** How many rooms are left out. */
  except: number;
  volatile: boolean;
}

export interface RestoreAttempt {
  namespace: string;
  /** What `identify` answered. */
  user: string;
  /** The private session id: a secret, never to be logged. */
  pid: string;
  /** As the client sent it: any text. */
  offset: string;
  result: RestoreResult;
  /** The socket id of the session, if there is one. */
  sid: string | undefined;
  replayed: number;
}

/** Every limit that `limitReached` reports, named after its options. */
export const limits = [
  'held',
  'gated',
  'queued',
  'replay',
  'log_bytes',
  'sessions_per_user',
  'takeovers',
  'restore_ms',
] as const;
export type Limit = (typeof limits)[number];

/** Every way in which an attempt to restore a session ends. */
export const restoreResults = [
  'recovered',
  'unknown', // no such session
  'expired',
  'refused', // it belongs to somebody else
  'limited', // claimed from live connections too often
  'trimmed', // the log or Redis lost what was missed
  'too_much',
  'future', // the client's offset is ahead of the log
  'postponed', // Redis is unavailable or slow: the client tries again
] as const;
export type RestoreResult = (typeof restoreResults)[number];

const ignore = () => {};

/** Milliseconds a log outlives its last message, and a session its socket. */
export const keepMsOf = ({ recoveryMsMax }: AdapterOptions) => 2 * recoveryMsMax + noticeMsMax;

const noticeMsMax = 60_000; // a break may be noticed late

export const defaultOptions: AdapterOptions = {
  recoveryMsMax: 120_000,
  key: 'socket.io',
  logEntriesMax: 1_000,
  logBytesMax: 16_777_216,
  replayMessagesMax: 1_000,
  replayBytesMax: 1_048_576,
  heldMessagesMax: 10_000,
  heldBytesMax: 8_388_608,
  gatedMessagesMax: 100_000,
  gatedBytesMax: 67_108_864,
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
  observer: {
    restoreEnded: ignore,
    delivered: ignore,
    caughtUp: ignore,
    limitReached: ignore,
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
};
