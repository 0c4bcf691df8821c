// One event of a trail: the same field names in the log, in the API and in the CLI.
import { z } from 'zod';

export const trailEventSchema = z.object({
  at: z.number().describe("epoch milliseconds by Redis's clock"),
  pod: z.string().describe('where it happened'),
  type: z.enum([
    'following',
    'present',
    'connected',
    'disconnected',
    'recovery',
    'joined',
    'left',
    'published',
    'delivered',
    'limited',
  ]),
  userId: z.string().optional(),
  socketId: z.string().optional().describe("Socket.IO's id, which a recovered socket keeps"),
  sessionId: z
    .string()
    .optional()
    .describe('of the client on every replica: a hash of its private session id'),
  messageId: z
    .string()
    .optional()
    .describe("the client's offset: microseconds by Redis's clock, one for each message"),
  namespace: z.string().optional(),
  event: z.string().optional().describe('name of the event; never what it carries'),
  transport: z.string().optional(),
  recovered: z.boolean().optional().describe('connected as the session it was before'),
  reason: z.string().optional().describe('why the socket was disconnected'),
  result: z.string().optional().describe('how the recovery or the publish ended'),
  offset: z.string().optional().describe('the last message that the client has, as it says'),
  replayed: z.int().optional().describe('how many missed messages the recovery delivers'),
  missed: z.literal(true).optional().describe('delivered by the recovery'),
  room: z.string().optional(),
  rooms: z.array(z.string()).optional().describe('to whom; the first ten. None: everybody'),
  targets: z.int().optional().describe('to how many rooms'),
  except: z.int().optional().describe('how many rooms or sockets are left out'),
  volatile: z.literal(true).optional().describe('it has no message id, and is not kept'),
  sockets: z.int().optional().describe('how many the user has on this process'),
  limit: z.enum(['events_per_second', 'waiting_events']).optional(),
  omitted: z.int().optional().describe('events that were left out'),
});

export type TrailEvent = z.output<typeof trailEventSchema>;
