// What travels between clients and the service: events and the schemas of their payloads.
import { z } from 'zod';
import { nameSchema } from './identity.ts';

/** Engine.IO's heartbeat; a proxy must wait longer than the two together. */
export const pingIntervalMs = 25_000;
export const pingTimeoutMs = 20_000;

/** A chat message as clients see it; `at` is epoch milliseconds by the publishing replica. */
export interface Message {
  id: string;
  roomId: string;
  userId: string;
  text: string;
  at: number;
}

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
