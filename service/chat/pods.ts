// Lists the pods of the fleet, for administrators on the test page.
import { z } from 'zod';
import type { Services } from '../application/index.ts';
import { defineEvent, podsSchema } from '../protocol/events.ts';

export const listPods = defineEvent(
  'pods',
  z.undefined(),
  {
    description: 'Returns the pods of the fleet, as `GET /v1/pods` does.',
    answer: podsSchema,
  },
  (_, reply, _socket, { pods }: Pick<Services, 'pods'>) => reply({ ok: true, pods: pods() }),
);
