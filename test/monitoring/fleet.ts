// Three replicas on one Redis with clients that talk, for a Prometheus to look at. The way of the
// last one to Redis can be cut.
import { io, type Socket } from 'socket.io-client';
import { openRelay } from '../harness/open-relay.ts';
import {
  freePort,
  launchRedis,
  launchService,
  tokenFor,
  untilReady,
} from '../harness/processes.ts';

export type Fleet = Awaited<ReturnType<typeof startFleet>>;

const replicas = ['a', 'b', 'c'];

export async function startFleet(more: Record<string, string> = {}) {
  const redis = await launchRedis({ 'enable-debug-command': 'yes' });
  const relay = await openRelay(redis.port);
  const start = async (POD_NAME: string, ports: Record<string, string>) => {
    const names = { POD_NAME, RELEASE: 'r1', REBALANCE: 'off' };
    const url = POD_NAME === replicas.at(-1) ? `redis://127.0.0.1:${relay.port}` : redis.url;
    const service = await launchService({ REDIS_URL: url, ...names, ...ports, ...more });
    await untilReady(service.operationsUrl);
    return service;
  };
  const ports = await Promise.all(
    replicas.map(async () => ({
      PORT: String(await freePort()),
      OPERATIONS_PORT: String(await freePort()),
    })),
  );
  const services = await Promise.all(
    replicas.map((name, i) => start(name, ports[i] as Record<string, string>)),
  );
  const clients: Socket[] = [];
  return {
    redis,
    /** The way of the last replica to Redis. */
    relay,
    services,
    targets: services.map(({ operationsUrl }) => new URL(operationsUrl).host),
    /** A client of a replica, by number; not connected yet. */
    client(
      replica: number,
      auth: object = { token: tokenFor(`user-${clients.length}`, 3_600) },
    ): Socket {
      const { url } = services[replica] as (typeof services)[0];
      const options = { transports: ['websocket'], forceNew: true, reconnectionDelay: 200 };
      const socket = io(url, { ...options, auth });
      clients.push(socket);
      return socket;
    },
    /** Ends a replica, with SIGTERM after its drain, and starts it on the same ports. */
    async restart(replica: number, signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL') {
      const { child, exited } = services[replica] as (typeof services)[0];
      child.kill(signal);
      await exited;
      services[replica] = await start(replicas[replica] as string, ports[replica] as never);
    },
    stop() {
      for (const client of clients) client.disconnect();
      for (const { child } of services) child.kill('SIGKILL');
      relay.close();
      redis.stop();
    },
  };
}

/** Clients on every replica that send to one room; the returned function ends it. */
export async function startTalk(fleet: Fleet, count = 12, everyMs = 40): Promise<() => void> {
  const clients = Array.from({ length: count }, (_, i) => fleet.client(i % replicas.length));
  await Promise.all(
    clients.map((client) => client.timeout(10_000).emitWithAck('join_room', 'lobby')),
  );
  let turn = 0;
  const timer = setInterval(() => {
    turn += 1;
    clients[turn % count]?.emit('send_message', { roomId: 'lobby', text: `message ${turn}` });
  }, everyMs);
  return () => clearInterval(timer);
}
