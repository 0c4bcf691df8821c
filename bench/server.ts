// A plain Socket.IO server with one of the two adapters; everything else is the same.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createClient } from '@redis/client';
import { createAdapter as createStockAdapter } from '@socket.io/redis-adapter';
import { Server, type ServerOptions } from 'socket.io';
import { createAdapter } from '../service/adapter/index.ts';
import { answerCalls } from './child.ts';
import { createPublishing, text } from './publishing.ts';

type Kind = 'stock' | 'ours';

const [kind, redisUrl] = process.argv.slice(2) as [Kind, string];
const redis = await createClient({ url: redisUrl }).connect();

const http = createServer();
const io = new Server(http, await optionsOf(kind));
const joins: unknown[] = [];
io.on('connection', (socket) => joins.push(socket.join(socket.handshake.auth.room)));
http.listen(0, '127.0.0.1');
await once(http, 'listening');

async function optionsOf(kind: Kind): Promise<Partial<ServerOptions>> {
  if (kind === 'stock') {
    return { adapter: createStockAdapter(redis, await redis.duplicate().connect()) };
  }
  const adapter = createAdapter(redis as never);
  return { connectionStateRecovery: {}, adapter: adapter as unknown as ServerOptions['adapter'] };
}

/** Publishes the same numbers to each room, so that clients can detect a missing one. */
function publishNumbered({ rooms, from, to }: { rooms: string[]; from: number; to: number }): void {
  for (let n = from; n < to; n += 1) for (const room of rooms) io.to(room).emit('m', { n, text });
}

answerCalls({
  port: () => (http.address() as AddressInfo).port,
  /** How many joins there were; they are over. */
  joined: async () => (await Promise.all(joins)).length,
  publish: createPublishing((room, body) => io.to(room).emit('m', body)),
  publishNumbered,
});
