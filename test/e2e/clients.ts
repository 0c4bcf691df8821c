// Many stock clients, with the cookies a browser would keep.
import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client';
import { mintToken } from '../../service/auth/tokens.ts';
import { kubectl } from './cluster.ts';

export interface Client {
  socket: Socket;
  userId: string;
  /** Names of the pods it was welcomed by, in order. */
  pods: string[];
  /** Texts of room messages, in order. */
  texts: string[];
  /** Refused or failed handshakes. */
  errors: string[];
}

interface Jar {
  cookies: Iterable<[string, { value: string }]>;
}

type Options = Partial<ManagerOptions & SocketOptions>;

/** Mints tokens with the secret that the release has. */
export async function tokenMaker(namespace: string, secret = 'mooring') {
  const path = 'jsonpath={.data.jwt-secret}';
  const encoded = await kubectl('-n', namespace, 'get', 'secret', secret, '-o', path);
  const key = Buffer.from(encoded, 'base64').toString();
  return (sub: string) => mintToken(key, { sub }, 3600);
}

export function connect(url: string, userId: string, token: string, options: Options = {}): Client {
  const socket = io(url, { auth: { token }, forceNew: true, withCredentials: true, ...options });
  const client: Client = { socket, userId, pods: [], texts: [], errors: [] };
  socket.on('welcome', ({ pod }) => client.pods.push(pod));
  socket.on('new_message', ({ text }) => client.texts.push(text));
  socket.on('connect_error', (error) => client.errors.push(error.message));
  socket.on('connect', () => {
    // The client keeps cookies for one connection only; a browser keeps them for the next too.
    const jar = Reflect.get(socket.io.engine, '_cookieJar') as Jar | undefined;
    const cookie = [...(jar?.cookies ?? [])]
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
    if (cookie) socket.io.opts.extraHeaders = { cookie };
  });
  return client;
}

/** Resolves when all are welcomed. @throws what kept one from it */
export async function welcomed(clients: Client[], seconds = 60): Promise<void> {
  const end = Date.now() + seconds * 1000;
  for (const { pods, errors, userId } of clients) {
    while (pods.length === 0) {
      if (Date.now() > end) throw new Error(`${userId} is not in: ${errors.at(-1)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

/** Connects a few at a time, as people do. */
export async function connectMany(
  count: number,
  url: string,
  tokenFor: (userId: string) => string,
  options: Options = {},
): Promise<Client[]> {
  const clients: Client[] = [];
  while (clients.length < count) {
    const size = Math.min(25, count - clients.length);
    const names = Array.from({ length: size }, (_, i) => `user-${clients.length + i}`);
    const batch = names.map((name) => connect(url, name, tokenFor(name), options));
    await welcomed(batch);
    clients.push(...batch);
  }
  return clients;
}

export function closeAll(clients: Client[]) {
  for (const { socket } of clients) socket.disconnect();
}

/** Which pod has how many. */
export function perPod(clients: Client[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { pods } of clients) {
    const pod = pods.at(-1) ?? 'none';
    counts[pod] = (counts[pod] ?? 0) + 1;
  }
  return counts;
}

export const joinAll = (clients: Client[], room: string) =>
  Promise.all(clients.map(({ socket }) => socket.timeout(10_000).emitWithAck('join_room', room)));
