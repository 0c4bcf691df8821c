// Events as data: what clients send and receive. The contract, the AsyncAPI document, rate limits
// and dispatch are derived from these definitions and from those beside the handlers.
import { z } from 'zod';
import { type MooringSocket, roomIdSchema, userIdSchema } from './identity.ts';
import { type Answer, type RefusalCode, refusalCodes } from './refusals.ts';

/** An event that clients send, with its handler. */
export interface ClientEvent<App = unknown> {
  name: string;
  /** Schema of the payload, the event's first argument. Unknown keys are dropped. */
  schema: z.ZodType;
  /** What the event does, for the contract. */
  description: string;
  /** The fields of a successful answer, besides `ok: true`. */
  answer?: z.ZodObject | undefined;
  /** Events per second and socket, on average. Bursts of five seconds' worth are allowed. */
  perSecondMax?: number | undefined;
  /**
   * Runs after limits and validation. Errors that it throws or rejects with are logged, counted and
   * answered. `app` is the value passed to `register`.
   */
  handler(payload: unknown, reply: Answer, socket: MooringSocket, app: App): unknown;
}

interface Options {
  description: string;
  answer?: z.ZodObject;
  limit?: { perSecondMax: number };
}

export function defineEvent<S extends z.ZodType, App = unknown>(
  name: string,
  schema: S,
  { description, answer, limit }: Options,
  handler: (
    payload: z.output<S>,
    reply: Answer,
    socket: MooringSocket,
    app: App,
  ) => void | Promise<void>,
): ClientEvent<App> {
  const { perSecondMax } = limit ?? {};
  return { name, schema, description, answer, perSecondMax, handler } as ClientEvent<App>;
}

/** An event that the service sends. */
export interface ServerEvent {
  name: string;
  /** The namespaces it is sent on. */
  namespace: '/' | 'every';
  /** Schema of the arguments, in order. */
  schema: z.ZodTuple;
  /** When it is sent and to whom, for the contract. */
  description: string;
}

/** A chat message as clients see it. */
export type Message = z.output<typeof messageSchema>;
export const messageSchema = z.object({
  id: z.string(),
  roomId: roomIdSchema,
  userId: userIdSchema,
  text: z.string(),
  at: z.int().meta({ description: 'Epoch milliseconds by the clock of the publishing replica' }),
});

const depthMax = 100; // encoders recurse: deeper data would overflow the stack

export const jsonSchema = z.custom<unknown>(
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

/** A message id chosen by the sender: an idempotency key. */
export const idSchema = z.string().min(1).max(128);
export const roomSchema = z.object({ roomId: roomIdSchema });

const count = z.int().nonnegative();

/** The answer of `pods` and of `GET /v1/pods`. */
export const podsSchema = z.object({
  pods: z.array(
    z.object({
      pod: z.string(),
      release: z.string().optional(),
      generation: z.number().optional(),
      ready: z.boolean(),
      readySeconds: count,
      draining: z.boolean(),
      processes: count,
      processesReady: count,
      connections: count,
    }),
  ),
});

const presenceBytesMax = 1_024;

/** What a user shows in a room. Applications choose further fields. */
export const presenceSchema = z
  .looseObject({
    name: z.string().max(128).optional(),
    status: z.string().max(128).optional().describe('Such as `away`'),
  })
  .refine(
    (value) => isShallow(value) && Buffer.byteLength(JSON.stringify(value)) <= presenceBytesMax,
    `must have at most ${presenceBytesMax} bytes as JSON`,
  );

/** A user in a room, and what the user shows there. */
export const memberSchema = z.object({
  userId: userIdSchema,
  presence: presenceSchema.optional(),
});

/** A page of the members of a room. */
export const pageSchema = roomSchema.extend({
  count: count.describe('The number of members of the room'),
  members: z.array(memberSchema).describe('In the byte order of their user ids'),
  more: z.boolean().describe('Whether there are members after these'),
});

const inRoomSchema = roomSchema.extend({ userId: userIdSchema });
const presentSchema = inRoomSchema.extend({ presence: presenceSchema.optional() });

/** Every event that the service and the built-in application send. */
export const serverEvents: ServerEvent[] = [
  {
    name: 'welcome',
    namespace: 'every',
    schema: z.tuple([
      z.object({
        userId: userIdSchema,
        role: z.string().optional(),
        pod: z.string(),
        expiresAt: z.int().meta({ description: 'Epoch milliseconds at which the token expires' }),
        recovered: z.boolean(),
        pid: z
          .string()
          .optional()
          .meta({ description: 'The private session id, to recover with; a secret' }),
      }),
    ]),
    description: 'To the socket after each connect; after a recovery, once it has what it missed.',
  },
  {
    name: 'error',
    namespace: 'every',
    schema: z.tuple([
      z.string().meta({ title: 'text' }),
      z.object({ code: z.enum(refusalCodes), event: z.string(), retryable: z.boolean() }),
    ]),
    description: 'To the socket whose event was refused, if it asked for no acknowledgement.',
  },
  {
    name: 'access_ended',
    namespace: 'every',
    schema: z.tuple([
      roomSchema.extend({
        code: z.enum(['access_denied', 'unavailable'] satisfies RefusalCode[]),
        retryable: z.boolean(),
      }),
    ]),
    description:
      'To a socket that has left a room, or was not given it back by recovery: the new token ' +
      'does not cover the room, or the webhook denies it or fails.',
  },
  {
    name: 'room_history',
    namespace: '/',
    schema: z.tuple([z.array(messageSchema)]),
    description: 'To a socket that joins a room: recent messages of the room, oldest first.',
  },
  {
    name: 'user_joined',
    namespace: '/',
    schema: z.tuple([presentSchema]),
    description: 'To the others in a room when the first socket of a user joins it.',
  },
  {
    name: 'user_updated',
    namespace: '/',
    schema: z.tuple([presentSchema]),
    description: 'To the others in a room when a user shows something else with `set_presence`.',
  },
  {
    name: 'user_left',
    namespace: '/',
    schema: z.tuple([inRoomSchema]),
    description:
      'To a room when the last socket of a user has left it; after a lost connection, once ' +
      'recovery can no longer happen.',
  },
  {
    name: 'presence_diff',
    namespace: '/',
    schema: z.tuple([
      roomSchema.extend({
        count: count.describe('The number of members'),
        joined: z.array(userIdSchema).describe('Who is in the room: joined or updated'),
        left: z.array(userIdSchema),
        presences: z.array(memberSchema).describe('Those of `joined` who have set a presence'),
        complete: z.boolean().describe('Whether all changes are named'),
      }),
    ]),
    description:
      'To a room of more than `PRESENCE_EVENTS_MEMBERS_MAX` members, about once a second, in ' +
      'place of `user_joined`, `user_updated` and `user_left`: what has changed.',
  },
  {
    name: 'new_message',
    namespace: '/',
    schema: z.tuple([messageSchema]),
    description: 'To everybody in the room, the sender included.',
  },
  {
    name: 'user_typing',
    namespace: '/',
    schema: z.tuple([inRoomSchema]),
    description: 'To the others in a room; never stored or replayed.',
  },
  {
    name: 'announcement',
    namespace: '/',
    schema: z.tuple([z.union([z.string(), z.looseObject({})]).meta({ title: 'message' })]),
    description: 'To every client.',
  },
];

/** Names that Socket.IO, on either side, uses for itself. */
export const reservedEvents: ReadonlySet<string> = new Set([
  'connect',
  'connect_error',
  'connection',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
]);
