// Announcements from administrators to every client.
import type { Services } from '../application/index.ts';
import { defineEvent, jsonSchema } from '../protocol/events.ts';
import type { MooringServer } from '../protocol/identity.ts';

interface Parts extends Pick<Services, 'publish'> {
  io: MooringServer;
}

export const announce = defineEvent(
  'broadcast_announcement',
  jsonSchema
    .refine(
      (message) => message !== '' && ['string', 'object'].includes(typeof message),
      'must be a text or an object',
    )
    .meta({ title: 'message' }),
  { description: 'Sends `announcement` to every client of `/`.' },
  async (message, reply, _, { io, publish }: Parts) => {
    await publish(io.of('/'), 'announcement', message);
    reply({ ok: true });
  },
);
