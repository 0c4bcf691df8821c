// The interface of an application, for the built-in chat and for your own module.
import type { z } from 'zod';
import type { Config } from '../config/schema.ts';
import type { ClientEvent } from '../protocol/events.ts';
import type { MooringNamespace, MooringServer, MooringSocket, User } from '../protocol/identity.ts';
import type { Refusal, Reply } from '../protocol/refusals.ts';
import type { Target } from '../stores/broadcast.ts';
import type { Pod } from '../stores/fleet.ts';
import type { History } from '../stores/history.ts';
import type { Presence } from '../stores/presence.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/**
 * The default export of an application module. It registers events, and may return a function that
 * closes what it opened. The platform handles authentication, limits, recovery, drain and metrics;
 * `socket.data.user` is set on every namespace.
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
  /** Calls the listener when a socket loses a room that `access` had allowed. */
  onAccessEnded(listener: AccessEndedListener): void;
  publish: Publish;
  register: Register;
  handle: Handle;
  log: Log;
  metrics: Metrics;
  limits: Pick<
    Config,
    'messageBytesMax' | 'messageBytesPerUserMax' | 'roomsPerSocketMax' | 'presenceEventsMembersMax'
  >;
  /** How long a lost connection can be recovered, in milliseconds. 0 turns recovery off. */
  recoveryMs: number;
  /** The pods of the fleet, as of the last heartbeats. */
  pods(): Pod[];
}

/** Whether the user may join the room. */
export type Access = (user: User, roomId: string) => Promise<{ ok: true } | Refusal>;

/**
 * Announces that a socket has left a room, because its new token does not cover the room or the
 * webhook no longer allows it. The socket itself has received `access_ended`.
 */
export type AccessEndedListener = (socket: MooringSocket, roomId: string) => void | Promise<void>;

/** Emits an event and resolves once Redis has stored it. Rejects with `Unavailable`. */
export type Publish = (target: Target, event: string, ...args: unknown[]) => Promise<void>;

/**
 * Registers events on a static or dynamic namespace, once for all of its sockets. Throws if an
 * event is registered twice. `app` is passed to the handlers.
 */
export type Register = <App>(
  target: MooringServer | MooringNamespace,
  events: ClientEvent<App>[],
  ...app: unknown extends App ? [] : [app: App]
) => void;

/**
 * Registers a handler for one event of one socket. Payloads are validated against the schema.
 * `reply` calls the acknowledgement callback; without one, it sends refusals as `error` events.
 */
export type Handle = <S extends z.ZodType>(
  socket: MooringSocket,
  event: string,
  schema: S,
  handler: (payload: z.output<S>, reply: (reply: Reply) => void) => void | Promise<void>,
) => void;
