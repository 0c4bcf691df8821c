// A plain Socket.IO server with one of the two adapters, the same in everything else.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { createAdapter as createStockAdapter } from '@socket.io/redis-adapter';
import { createClient } from 'redis';
import { Server, type ServerOptions } from 'socket.io';
import { createAdapter } from '../service/adapter/create.ts';
import { answerCalls } from './child.ts';

export type Kind = 'stock' | 'ours';

export interface Publishing {
  rooms: string[];
  turns: number;
  /** Messages in one turn of the event loop. */
  perTurn: number;
  everyMs: number;
  /** All messages of a turn to one room, else each to the next. */
  oneRoomPerTurn: boolean;
  /** The same turns without a message: what the processes cost by themselves. */
  silent?: boolean;
}

const text = 'x'.repeat(200);
const [kind, redisUrl] = process.argv.slice(2) as [Kind, string];
const redis = await createClient({ url: redisUrl }).connect();

const http = createServer();
const io = new Server(http, await optionsOf(kind));
io.on('connection', (socket) => socket.join(socket.handshake.auth.room));
http.listen(0, '127.0.0.1');
await once(http, 'listening');
let published = 0;

async function optionsOf(kind: Kind): Promise<Partial<ServerOptions>> {
  if (kind === 'stock') {
    return { adapter: createStockAdapter(redis, await redis.duplicate().connect()) };
  }
  const adapter = createAdapter(redis as never);
  return { connectionStateRecovery: {}, adapter: adapter as unknown as ServerOptions['adapter'] };
}

/** At a steady rate, never two turns' worth in one turn, however late it is. */
async function publish({ rooms, turns, everyMs, silent, ...each }: Publishing): Promise<void> {
  const startedAt = performance.now();
  for (let turn = 0; turn < turns; turn += 1) {
    for (let i = 0; i < each.perTurn && !silent; i += 1) {
      const room = each.oneRoomPerTurn ? turn : turn * each.perTurn + i;
      io.to(rooms[room % rooms.length] as string).emit('m', { n: published, text });
      published += 1;
    }
    await sleep(Math.max(0, startedAt + (turn + 1) * everyMs - performance.now()));
  }
}

/** The same numbers in each room, for clients that look whether one is missing. */
function publishNumbered({ rooms, from, to }: { rooms: string[]; from: number; to: number }): void {
  for (let n = from; n < to; n += 1) for (const room of rooms) io.to(room).emit('m', { n, text });
}

answerCalls({
  port: () => (http.address() as AddressInfo).port,
  publish,
  publishNumbered,
});
