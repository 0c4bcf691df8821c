// A fleet on free ports in a scratch folder, and stock clients whose home replica one can choose.
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import type { Ports } from '../../ingress/nginx/fleet/settings.ts';
import { type Fleet, startFleet } from '../../ingress/nginx/fleet/start.ts';
import { mintToken } from '../../service/auth/tokens.ts';

const tokenSeconds = 600;

export type Home = 0 | 1 | 2;
export const homes = [0, 1, 2] as const;

interface ClientOptions extends Partial<ManagerOptions & SocketOptions> {
  user?: string;
  role?: string;
  /** The replica that ip_hash sends this client to. */
  home?: Home;
  namespace?: string;
}

export type ScratchFleet = Awaited<ReturnType<typeof startScratchFleet>>;

export async function startScratchFleet(environment: Record<string, string> = {}) {
  const stateFolder = mkdtempSync(join(tmpdir(), 'mooring-fleet-'));
  const quiet = { LOG_LEVEL: 'warn', ...environment };
  const fleet = await startFleet({
    stateFolder,
    ports: await freePorts(),
    environment: quiet,
    unattended: true,
  });
  const sockets = new Set<Socket>();
  let clients = 0;

  return Object.assign(fleet, {
    stateFolder,
    /** A client that is not connected yet; handlers come first. */
    async client({
      user = 'alice',
      role = 'user',
      home = 0,
      namespace = '/',
      ...rest
    }: ClientOptions = {}) {
      const socket = io(fleet.address + namespace, {
        autoConnect: false,
        forceNew: true,
        reconnectionDelay: 50,
        reconnectionDelayMax: 200,
        auth: { token: mintToken(fleet.jwtSecret, { sub: user, role }, tokenSeconds) },
        extraHeaders: { 'X-Forwarded-For': addressWithHome(home, clients++) },
        ...rest,
      });
      sockets.add(socket);
      return socket;
    },
    disconnectAll() {
      for (const socket of sockets) socket.disconnect();
      sockets.clear();
    },
    async close() {
      this.disconnectAll();
      await fleet.stop();
      rmSync(stateFolder, { recursive: true, force: true });
    },
  });
}

/** Connects, or rejects with the first refusal. */
export function connected(socket: Socket): Promise<Socket> {
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket)).once('connect_error', reject);
    socket.connect();
  });
}

export function next<T>(socket: Socket, event: string): Promise<T> {
  return new Promise((resolve) => {
    socket.once(event, (value: T) => resolve(value));
  });
}

/** A different address for each number, all with the same home. */
function addressWithHome(home: Home, number: number): string {
  const addresses = Array.from({ length: 256 }, (_, octet) => `10.20.${octet}.1`);
  const fitting = addresses.filter((address) => homeOf(address) === home);
  return fitting[number % fitting.length] as string;
}

/** What nginx computes for ip_hash with three servers of equal weight. */
function homeOf(address: string): number {
  const octets = address.split('.').slice(0, 3).map(Number);
  return octets.reduce((hash, octet) => (hash * 113 + octet) % 6271, 89) % 3;
}

/** How many sockets of `/` a replica says it has. */
export async function connectionsOf(replica: Fleet['replicas'][number]): Promise<number> {
  const metrics = await (await fetch(`${replica.operations}/metrics`)).text();
  const counts = metrics.matchAll(/^mooring_connections\{[^}]*namespace="\/"[^}]*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}

export async function freePorts(): Promise<Ports> {
  const servers = await Promise.all(Array.from({ length: 14 }, listening));
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((done) => server.close(done))));
  const [proxy = 0, redis = 0, ...rest] = ports;
  return { proxy, redis, replicas: rest.slice(0, 6), operations: rest.slice(6) };
}

function listening(): Promise<Server> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => resolve(server));
  });
}
