// Three plain Socket.IO servers that share nothing but the adapter and a Redis.
import { createServer } from 'node:http';
import { createClient } from '@redis/client';
import { Server, type ServerOptions, type Socket as ServerSocket } from 'socket.io';
import { connect, type Socket } from 'socket.io-client';
import { onTestFinished } from 'vitest';
import { createAdapter } from '../../service/adapter/index.ts';
import { listen } from '../../service/api/router.ts';
import { startRedis } from './redis.ts';
import { startRelay } from './relay.ts';
import { connected, until } from './service.ts';

type Redis = Parameters<typeof createAdapter>[0];
type Options = NonNullable<Parameters<typeof createAdapter>[1]>;

const connectTo = (url: string) =>
  connect(url, { forceNew: true, transports: ['websocket'], reconnectionDelay: 100 });

async function startServer(redis: Redis, options: Options, further: Partial<ServerOptions>) {
  const http = createServer();
  const adapter = createAdapter(redis, { observer: {}, ...options });
  const io = new Server(http, {
    connectionStateRecovery: { maxDisconnectionDuration: 10_000, skipMiddlewares: false },
    adapter,
    ...further,
  });
  const address = `http://127.0.0.1:${await listen(http, 0, '127.0.0.1')}`;
  return { io, adapter, address };
}

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
      const node = await startServer(redis, options, further);
      const arrived = new Promise<ServerSocket>((resolve) => {
        const parent = namespace === '/' ? node.io.of('/') : node.io.of(/^\/dynamic-\d+$/);
        parent.on('connection', resolve);
      });
      return { ...node, arrived, client: connectTo(node.address + namespace) };
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

/** Two servers on one Redis; what the second one says to it, and hears, goes through a relay. */
export async function nearAndFar(
  options: Options = {},
  further: Partial<ServerOptions> = {},
  started = startRedis(),
) {
  const redis = await started;
  const relay = await startRelay(redis.port);
  const urls = [redis.url, `redis://127.0.0.1:${relay.port}`];
  const servers = urls.map((url) => startServer(createClient({ url }), options, further));
  const [near, far] = (await Promise.all(servers)) as [Node, Node];
  const clients: Socket[] = [];
  onTestFinished(async () => {
    for (const client of clients) client.disconnect();
    await Promise.all([near, far].map(({ io }) => io.close()));
  });
  await Promise.all([near, far].map(({ adapter }) => adapter.ready()));
  return {
    redis,
    relay,
    near,
    far,
    /** Publishes through the near server, and awaits that Redis has it. */
    publish: (rooms: string[], ...args: unknown[]) =>
      near.adapter.publish(near.io.to(rooms), 'event', args),
    /** A client of the far server, its socket there, and the events it gets. */
    async connect() {
      const arrived = new Promise<ServerSocket>((resolve) => far.io.once('connection', resolve));
      const client = connectTo(far.address);
      clients.push(client);
      const seen: unknown[] = [];
      client.on('event', (value: unknown) => seen.push(value));
      const [socket] = await Promise.all([arrived, connected(client)]);
      return { client, socket, seen };
    },
    async cutOff() {
      relay.cut();
      await until('it is noticed', () => !far.adapter.isUp());
    },
    /** Resolves when the far server has caught up. */
    async mend() {
      relay.mend();
      await until('it is back', () => far.adapter.isUp());
      await far.adapter.ready();
    },
  };
}

type Node = Awaited<ReturnType<typeof startServer>>;

/** What happens when the clock of Redis steps forward: ids continue from there, and logs expire. */
export async function setClockAhead(
  { command }: Pick<Awaited<ReturnType<typeof startRedis>>, 'command'>,
  ms: number,
): Promise<void> {
  const [seconds] = (await command('TIME')) as unknown as [string];
  await command('SET', 'socket.io:clock', String((Number(seconds) * 1000 + ms) * 1000));
  const logs = (await command('KEYS', 'socket.io:*:log:*')) as unknown as string[];
  if (logs.length > 0) await command('DEL', ...logs);
}
