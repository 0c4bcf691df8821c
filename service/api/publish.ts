// POST /v1/publish: publishes an event from a backend to rooms, users or everyone. Answers 202 once
// Redis has it. `id` is the idempotency key: within ten minutes it is delivered once.
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { idSchema, jsonSchema, reservedEvents } from '../protocol/events.ts';
import { type MooringServer, roomIdSchema, userIdSchema } from '../protocol/identity.ts';
import { roomName, userRoom } from '../protocol/rooms.ts';
import type { Broadcast } from '../stores/broadcast.ts';
import type { Traced } from '../telemetry/tracing/tracing.ts';
import { type Endpoint, type Input, type Refused, refuse, routeOf } from './endpoint.ts';

export const namesLoggedMax = 10;
const gives = (name: string) => ({ required: [name] });

export const publishSchema = z
  .strictObject({
    rooms: z.array(roomIdSchema).min(1).max(1000).optional(),
    users: z.array(userIdSchema).min(1).max(1000).optional(),
    everyone: z.literal(true).optional(),
    event: z
      .string()
      .min(1)
      .max(128)
      .refine((event) => !reservedEvents.has(event), 'is a name that Socket.IO keeps to itself')
      .meta({ not: { enum: [...reservedEvents] } }),
    data: jsonSchema,
    id: idSchema.optional(),
  })
  .refine((body) => (body.everyone ? !(body.rooms || body.users) : body.rooms || body.users), {
    message: 'name rooms, users or both, or say everyone: true alone',
    path: ['rooms'],
  })
  .meta({
    // For OpenAPI: what the refinement checks.
    oneOf: [
      { anyOf: [gives('rooms'), gives('users')], not: gives('everyone') },
      { ...gives('everyone'), not: { anyOf: [gives('rooms'), gives('users')] } },
    ],
  });

const idInUse = 'The id was used for another event, target or data within ten minutes';

export const publishEndpoint = {
  name: 'POST /v1/publish',
  summary: 'Publishes an event to rooms, users or both, or to everyone; each client gets it once',
  scope: 'publish',
  body: publishSchema,
  status: 202,
  answer: z.object({ id: z.string() }),
  refusals: {
    409: idInUse,
    429: 'The API key exceeded PUBLISHES_PER_SECOND_MAX; see Retry-After',
  },
} as const satisfies Endpoint;

export interface PublishParts {
  io: MooringServer;
  publish: Broadcast['publish'];
  traced: Traced;
}

export type Publishing = ReturnType<typeof createPublishing>;

/**
 * Publishes what a backend asks for. Resolves to the id once Redis has it, or to why not.
 * @param limit refuses what exceeds the limit of a key
 */
export function createPublishing(
  { io, publish, traced }: PublishParts,
  limit: (caller: string) => Refused | undefined,
) {
  return async (
    body: z.output<typeof publishSchema>,
    { caller, headers }: Pick<Input<typeof publishEndpoint>, 'caller' | 'headers'>,
  ): Promise<{ id: string } | Refused> => {
    const refused = limit(caller);
    if (refused) return refused;
    const { rooms = [], users = [], event, data, id } = body;
    const target = io.to([...rooms.map(roomName), ...users.map(userRoom)]);
    const content = { rooms: rooms.toSorted(), users: users.toSorted(), event, data };
    const once = id === undefined ? {} : { once: { key: `publish:${id}`, content } };
    const { conflict } = await traced(headers.traceparent, (context) =>
      publish(target, event, [data], { ...once, ...(context && { context }) }),
    );
    if (conflict) return refuse(409, 'id_in_use', 'Conflict', idInUse);
    return { id: id ?? randomUUID() };
  };
}

export const publishRoute = (publish: Publishing) =>
  routeOf(
    publishEndpoint,
    ({ body, ...asked }) => publish(body, asked),
    ({ body: { event, id, everyone, rooms, users } }) => ({
      event,
      id,
      everyone,
      rooms: rooms?.slice(0, namesLoggedMax),
      users: users?.slice(0, namesLoggedMax),
      targets: (rooms?.length ?? 0) + (users?.length ?? 0),
    }),
  );
