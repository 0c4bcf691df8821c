// The application of the chaos harness: everything a Socket.IO server can send, acknowledged once
// it is done. APPLICATION=test/chaos/application.ts
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import type { Application } from '../../service/application/index.ts';
import { roomIdsOf, roomName } from '../../service/protocol/rooms.ts';

/** Presence counts who is in these rooms; the others are rooms of the adapter alone. */
const isCounted = (room: string) => /^r[0-6]$/.test(room);
const nameOf = (room: string) => (isCounted(room) ? roomName(room) : room);
const room = z.string().regex(/^(r\d|watch)$/);
const publishSchema = z.object({
  n: z.int(),
  rooms: z.array(room),
  except: z.array(room),
  volatile: z.boolean(),
});
const answerMsMax = 800;

const application: Application = (io, { handle, publish, presence }) => {
  const { CHAOS_PING_MS: pingMs } = process.env;
  if (pingMs) Object.assign(io.engine.opts, { pingInterval: +pingMs, pingTimeout: 2 * +pingMs });
  io.use(async (socket, next) => {
    const { slowMs } = socket.handshake.auth;
    if (typeof slowMs === 'number') await sleep(slowMs);
    next();
  });

  presence.onChange(({ id, type, roomId, userId }, publish) =>
    publish(io.to('watch'), 'presence', { id, change: type, room: roomId, user: userId }),
  );

  io.on('connection', (socket) => {
    const data = socket.data as { n?: number };
    if (socket.recovered) socket.emit('data', { n: data.n ?? 0 });
    handle(socket, 'set', z.int(), async (n, reply) => {
      data.n = n;
      reply({ ok: true });
    });
    handle(socket, 'join', room, async (name, reply) => {
      await (isCounted(name) ? presence.join(socket, name) : socket.join(name));
      reply({ ok: true });
    });
    handle(socket, 'leave', room, async (name, reply) => {
      await (isCounted(name) ? presence.leave(socket, name) : socket.leave(name));
      reply({ ok: true });
    });
    handle(socket, 'rooms', z.null(), async (_, reply) => {
      const others = [...socket.rooms].filter((name) => room.safeParse(name).success);
      reply({ ok: true, rooms: [...roomIdsOf(socket.rooms), ...others] });
    });
    handle(socket, 'disconnectSockets', z.string(), async (sid, reply) => {
      io.in(sid).disconnectSockets(true);
      reply({ ok: true });
    });
    handle(socket, 'publish', publishSchema, async ({ n, rooms, except, volatile }, reply) => {
      const target =
        rooms.length > 0 || except.length > 0
          ? io.to(rooms.map(nameOf)).except(except.map(nameOf))
          : io;
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
      const asking = io.to(nameOf(room)).timeout(answerMsMax).emitWithAck('question', { n });
      await asking.catch(() => {}); // some clients may not answer in time
      reply({ ok: true });
    });
  });
};

export default application;
