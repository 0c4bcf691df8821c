// The application of the chaos harness: everything a Socket.IO server can send, acknowledged once
// it is done. APPLICATION=test/chaos/application.ts
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Application } from '../../service/application/index.ts';

const room = z.string().regex(/^r\d$/);
const publishSchema = z.object({
  n: z.int(),
  rooms: z.array(room),
  except: z.array(room),
  volatile: z.boolean(),
});
const answerMsMax = 800;

const application: Application = (io, { handle, publish }) => {
  const { CHAOS_PING_MS: pingMs } = process.env;
  if (pingMs) Object.assign(io.engine.opts, { pingInterval: +pingMs, pingTimeout: 2 * +pingMs });
  io.use(async (socket, next) => {
    const { slowMs } = socket.handshake.auth;
    if (typeof slowMs === 'number') await sleep(slowMs);
    next();
  });

  io.on('connection', (socket) => {
    const data = socket.data as { n?: number };
    if (socket.recovered) socket.emit('data', { n: data.n ?? 0 });
    handle(socket, 'set', z.int(), async (n, reply) => {
      data.n = n;
      reply({ ok: true });
    });
    handle(socket, 'join', room, async (name, reply) => {
      await socket.join(name);
      reply({ ok: true });
    });
    handle(socket, 'leave', room, async (name, reply) => {
      await socket.leave(name);
      reply({ ok: true });
    });
    handle(socket, 'publish', publishSchema, async ({ n, rooms, except, volatile }, reply) => {
      const target = rooms.length > 0 || except.length > 0 ? io.to(rooms).except(except) : io;
      await publish(volatile ? target.volatile : target, 'message', { n });
      reply({ ok: true });
    });
    const directSchema = z.object({ n: z.int(), sid: z.string() });
    handle(socket, 'direct', directSchema, async ({ n, sid }, reply) => {
      const local = io.of('/').sockets.has(sid);
      await publish(io.to(sid), 'message', { n });
      reply({ ok: true, local });
    });
    handle(socket, 'ask', z.object({ n: z.int(), room }), async ({ n, room }, reply) => {
      const asking = io.to(room).timeout(answerMsMax).emitWithAck('question', { n });
      await asking.catch(() => {}); // some clients may not answer in time
      reply({ ok: true });
    });
  });
};

export default application;
