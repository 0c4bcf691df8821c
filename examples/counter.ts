// A custom application with one event. Run it with APPLICATION=examples/counter.ts npm start
// The platform authenticates every socket and guards every handler.
import { z } from 'zod';
import type { Application } from '../service/application/index.ts';
import { defineEvent } from '../service/protocol/events.ts';

const application: Application = (io, { register, publish, log }) => {
  const counts = new Map<string, number>();

  const count = defineEvent(
    'count',
    z.object({ by: z.int().min(1).max(10) }),
    { description: 'Adds to the counter of the user.', limit: { perSecondMax: 20 } },
    async ({ by }, reply, socket) => {
      const { id } = socket.data.user;
      const count = (counts.get(id) ?? 0) + by;
      counts.set(id, count);
      await publish(io, 'counted', { userId: id, count });
      reply({ ok: true, count });
    },
  );
  register(io, [count]);

  return () => log.info({ users: counts.size }, 'counter closed');
};

export default application;
