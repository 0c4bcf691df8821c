// Three plain Socket.IO servers that share nothing but the adapter and a Redis.
import { createServer } from 'node:http';
import { createClient } from 'redis';
import { Server, type ServerOptions, type Socket as ServerSocket } from 'socket.io';
import { connect, type Socket } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { createAdapter } from '../../service/adapter/index.ts';
import { listen } from '../../service/api/router.ts';
import { startRedis } from './redis.ts';
import { connected, until } from './service.ts';

type Options = NonNullable<Parameters<typeof createAdapter>[1]>;

export async function threeServers(
  options: Options = {},
  namespace = '/',
  further: Partial<ServerOptions> = {},
) {
  const server = await startRedis();
  const redis = await createClient({ url: server.url })
    .on('error', () => {})
    .connect();
  const nodes = await Promise.all(
    Array.from({ length: 3 }, async () => {
      const http = createServer();
      const adapter = createAdapter(redis as never, options);
      const io = new Server(http, {
        connectionStateRecovery: { maxDisconnectionDuration: 10_000, skipMiddlewares: false },
        adapter: adapter as never,
        ...further,
      });
      const address = `http://127.0.0.1:${await listen(http, 0, '127.0.0.1')}`;
      const arrived = new Promise<ServerSocket>((resolve) => {
        const parent = namespace === '/' ? io.of('/') : io.of(/^\/dynamic-\d+$/);
        parent.on('connection', resolve);
      });
      const client = connect(address + namespace, {
        forceNew: true,
        transports: ['websocket'],
        reconnectionDelay: 100,
      });
      return { io, adapter, address, arrived, client };
    }),
  );
  onTestFinished(async () => {
    for (const { client } of nodes) client.disconnect();
    await Promise.all(nodes.map(({ io }) => io.close()));
    redis.destroy();
  });
  await Promise.all(nodes.map(({ client }) => connected(client)));
  const sockets = await Promise.all(nodes.map(({ arrived }) => arrived));
  const servers = nodes.map(({ io }) => io.of(namespace));
  const [first] = servers as [(typeof servers)[0]];
  await until('all servers know each other', async () => (await first.adapter.serverCount()) === 3);
  const clients = nodes.map(({ client }) => client) as [Socket, Socket, Socket];
  return {
    redis,
    /** Ends the Redis of all of them. */
    killRedis: server.kill,
    restartRedis: server.start,
    servers,
    first,
    sockets: sockets as [ServerSocket, ServerSocket, ServerSocket],
    clients,
    nodes,
  };
}
