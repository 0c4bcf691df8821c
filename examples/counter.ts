// An application of one's own: APPLICATION=examples/counter.ts npm start
// The platform has authenticated every socket and guards every handler; this adds the events.
import { z } from 'zod';
import type { Application } from '../service/application/index.ts';

const application: Application = (io, { handle, publish, log }) => {
  const counts = new Map<string, number>();

  io.on('connection', (socket) => {
    handle(socket, 'count', z.object({ by: z.int().min(1).max(10) }), async ({ by }, reply) => {
      const { id } = socket.data.user;
      const count = (counts.get(id) ?? 0) + by;
      counts.set(id, count);
      await publish(io, 'counted', { userId: id, count });
      reply({ ok: true, count });
    });
  });

  return () => log.info({ users: counts.size }, 'counter closed');
};

export default application;
