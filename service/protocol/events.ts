// What travels between clients and the service: events, payload schemas, refusals and room names.
import type { DefaultEventsMap, Namespace, Server, Socket } from 'socket.io';
import { z } from 'zod';

/** Engine.IO's heartbeat; a proxy must wait longer than the two together. */
export const pingIntervalMs = 25_000;
export const pingTimeoutMs = 20_000;

/** Who is behind a socket, as its token says. */
export interface User {
  id: string;
  role?: string;
  /** Patterns of the rooms the user may join, for `ROOM_ACCESS=claims`. */
  rooms?: string[];
}

/** `socket.data` once the socket is authenticated. Kept to plain JSON: it survives recovery. */
export interface SocketData {
  user: User;
  /** Epoch milliseconds at which the token ends. */
  expiresAt: number;
  /** Epoch milliseconds at which the token was issued; 0 when it does not say. */
  issuedAt: number;
  /** The last revocation that the token has outlived; a session from before it is not restored. */
  revokedBefore?: number;
}

type Events = DefaultEventsMap;
export type MooringServer = Server<Events, Events, Events, SocketData>;
export type MooringNamespace = Namespace<Events, Events, Events, SocketData>;
export type MooringSocket = Socket<Events, Events, Events, SocketData>;

/** A chat message as clients see it; `at` is epoch milliseconds by the publishing replica. */
export interface Message {
  id: string;
  roomId: string;
  userId: string;
  text: string;
  at: number;
}

/** Room names and user ids are visible in URLs, logs and keys: a narrow alphabet on purpose. */
export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_\-.:@]{1,128}$/, 'must be 1-128 letters, digits or any of _ - . : @');

const depthMax = 100; // encoders recurse: deeper data would overflow the stack

const jsonSchema = z.custom<unknown>(
  (value) => value !== undefined && isShallow(value),
  `must be JSON, at most ${depthMax} levels deep`,
);

function isShallow(value: unknown): boolean {
  let level = [value];
  for (let depth = 0; depth <= depthMax; depth += 1) {
    level = level.flatMap((item) =>
      typeof item === 'object' && item !== null && !ArrayBuffer.isView(item)
        ? Object.values(item)
        : [],
    );
    if (level.length === 0) return true;
  }
  return false;
}

const idSchema = z.string().min(1).max(128);
const roomSchema = z.object({ roomId: nameSchema });

/** The payload of every event of the built-in application. Unknown keys are dropped. */
export const payloads = {
  join_room: nameSchema,
  leave_room: nameSchema,
  send_message: roomSchema.extend({ text: z.string().min(1), id: idSchema.optional() }),
  typing: roomSchema,
  history: roomSchema.extend({
    /** A message's id, or epoch milliseconds: only older messages are answered. */
    before: z.union([idSchema, z.int().nonnegative()]).optional(),
    limit: z.int().min(1).max(1000).default(50),
  }),
  refresh_token: z.string().min(1),
  broadcast_announcement: jsonSchema.refine(
    (message) => message !== '' && ['string', 'object'].includes(typeof message),
    'must be a text or an object',
  ),
  pods: z.undefined(),
};

/** What `POST /v1/publish` takes. */
export const publishSchema = z
  .strictObject({
    rooms: z.array(nameSchema).min(1).max(1000).optional(),
    users: z.array(nameSchema).min(1).max(1000).optional(),
    everyone: z.literal(true).optional(),
    event: z
      .string()
      .min(1)
      .max(128)
      .refine((event) => !reservedEvents.has(event), 'is a name that Socket.IO keeps to itself'),
    data: jsonSchema,
    id: idSchema.optional(),
  })
  .refine((body) => (body.everyone ? !(body.rooms || body.users) : body.rooms || body.users), {
    message: 'name rooms, users or both, or say everyone: true alone',
    path: ['rooms'],
  });

/** Names that Socket.IO, on either side, uses for itself. */
const reservedEvents = new Set([
  'connect',
  'connect_error',
  'connection',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
]);

/** Every way to say no, with its text and whether the same request may succeed later. */
const refusals = {
  authentication_required: ['Authentication required: connect with auth: { token }', false],
  invalid_token: ['Invalid token', false],
  token_expired: ['Token expired: connect with a new one', false],
  admin_only: ['Admin only', false],
  access_denied: ['Access denied', false],
  not_in_room: ['Access denied', false],
  invalid_payload: ['Invalid payload', false],
  unknown_event: ['Unknown event', false],
  too_many_rooms: ['Too many rooms: leave one first', false],
  rate_limited: ['Too many events: slow down', true],
  unavailable: ['Unavailable: try again', true],
  internal: ['Internal error', false],
} as const satisfies Record<string, readonly [string, boolean]>;

export type RefusalCode = keyof typeof refusals;
export const refusalCodes = Object.keys(refusals) as RefusalCode[];

export interface Refusal {
  ok: false;
  error: { code: RefusalCode; message: string; retryable: boolean };
}

export type Reply = { ok: true; [key: string]: unknown } | Refusal;

/** The answer to a request that is not granted; `detail` is appended to the code's own text. */
export function refusal(code: RefusalCode, detail?: string): Refusal {
  const [text, retryable] = refusals[code];
  return { ok: false, error: { code, message: detail ? `${text}: ${detail}` : text, retryable } };
}

/** Thrown by stores when Redis is away or too slow; answered as `unavailable`. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}

// Prefixes keep rooms, users and socket ids apart: socket ids hold no colon.
export const roomName = (roomId: string) => `room:${roomId}`;
export const userRoom = (userId: string) => `user:${userId}`;
