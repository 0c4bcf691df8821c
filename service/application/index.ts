// The interface of an application: the built-in one and a user's own module implement it.
import type { z } from 'zod';
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
 * The default export of an application module: registers events and may return a function that
 * closes what it opened. The platform does authentication, limits, recovery, drain and metrics
 * before a handler runs; `socket.data.user` is set on every namespace.
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
  register: Register;
  handle: Handle;
  log: Log;
  metrics: Metrics;
  limits: { messageBytesMax: number; roomsPerSocketMax: number };
  /** Milliseconds within which a lost connection can be recovered with its rooms; 0: never. */
  recoveryMs: number;
  /** The fleet, from the latest heartbeats that this replica read. */
  pods(): Pod[];
}

/** Whether this user may join this room. */
export type Access = (user: User, roomId: string) => Promise<{ ok: true } | Refusal>;

/** Emits an event; resolves when Redis has it. Rejects with `Unavailable`. */
export type Publish = (target: Target, event: string, ...args: unknown[]) => Promise<void>;

/**
 * Registers events on a namespace, static or dynamic, once for all of its sockets. Throws if an
 * event is registered twice. Handlers receive `app`.
 */
export type Register = <App>(
  target: MooringServer | MooringNamespace,
  events: ClientEvent<App>[],
  ...app: unknown extends App ? [] : [app: App]
) => void;

/**
 * Registers a handler for one event of one socket: the schema validates the payload; `reply`
 * answers the acknowledgement or, without one, sends a refusal as an `error` event.
 */
export type Handle = <S extends z.ZodType>(
  socket: MooringSocket,
  event: string,
  schema: S,
  handler: (payload: z.output<S>, reply: (reply: Reply) => void) => void | Promise<void>,
) => void;
