// The interface of an application: what the built-in one and a user's own module are given.
import type { z } from 'zod';
import type {
  Message,
  MooringServer,
  MooringSocket,
  Refusal,
  Reply,
  User,
} from '../protocol/events.ts';
import type { Pod } from '../stores/fleet.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/**
 * The default export of an application module: registers handlers on `io` and may return a
 * function that undoes what it opened. Authentication, limits, recovery, drain and metrics are
 * done by the platform before a handler runs; `socket.data.user` is set on every namespace.
 */
export type Application = (
  io: MooringServer,
  services: Services,
) => Close | undefined | Promise<Close | undefined>;
type Close = () => void | Promise<void>;

export interface Services {
  history: History;
  presence: Presence;
  access: Access;
  publish: Publish;
  handle: Handle;
  log: Log;
  metrics: Metrics;
  limits: { messageBytesMax: number; roomsPerSocketMax: number };
  /** Milliseconds a lost connection may take to come back with its rooms; 0: never. */
  recoveryMs: number;
  /** The fleet as this replica heard it within the last seconds. */
  pods(): Pod[];
}

export interface Draft {
  roomId: string;
  userId: string;
  text: string;
  /** Chosen by the client: the same id from the same user is one message. */
  id?: string | undefined;
}

/** Recent messages of each room. Rejects with `Unavailable`. */
export interface History {
  /**
   * Emits the message to a target in the namespace `/` and keeps it, both or neither. `first` is
   * false when the draft's id was published before: then nothing happens, and `message` is the
   * first one. After `Unavailable` it may be published all the same: the same id finds out.
   */
  publish(
    target: Target,
    event: string,
    draft: Draft,
  ): Promise<{ message: Message; first: boolean }>;
  /** Oldest first, the newest `limit` of those before a message's id or epoch milliseconds. */
  read(roomId: string, query: HistoryQuery): Promise<{ messages: Message[]; more: boolean }>;
}

export interface HistoryQuery {
  before?: string | number | undefined;
  limit: number;
}

/** Which users are in a room, over all replicas. Rejects with `Unavailable`. */
export interface Presence {
  /** Counts one more socket of the user in the room. */
  enter(roomId: string, userId: string): Promise<void>;
  /** Counts one socket less; true when it was the user's last one there. */
  leave(roomId: string, userId: string): Promise<boolean>;
  /** User ids, a thousand at most. */
  members(roomId: string): Promise<string[]>;
  /** To be called every few seconds: who was left behind by a replica that is gone. */
  sweep(): Promise<{ roomId: string; userId: string }[]>;
}

/** May this user join this room? */
export type Access = (user: User, roomId: string) => Promise<{ ok: true } | Refusal>;

/** Something with `emit`: the server, a namespace, or what `to()` and `except()` return. */
export interface Target {
  emit(event: string, ...args: unknown[]): unknown;
}

/** Emits and resolves when Redis has it. Rejects with `Unavailable`. */
export type Publish = (target: Target, event: string, ...args: unknown[]) => Promise<void>;

/**
 * Registers a handler for one event: the payload goes through the schema, `reply` answers the
 * acknowledgement or, where the client gave none, turns a refusal into an `error` event.
 */
export type Handle = <S extends z.ZodType>(
  socket: MooringSocket,
  event: string,
  schema: S,
  handler: (payload: z.output<S>, reply: (reply: Reply) => void) => void | Promise<void>,
) => void;
