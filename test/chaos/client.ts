// A stock client that moves between pods, with a record of everything it requested and received.
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Socket } from 'socket.io-client';
import type { ClientEvent, ClientRecord, Ending } from './history.ts';
import { openProxy } from './proxy.ts';
import type { Users } from './users.ts';

export type ChaosClient = Awaited<ReturnType<typeof openClient>>;

const answerMsMax = 8_000; // longer than a pod stays frozen
const shortTokenSeconds = 2;
const kickedMs = 200; // until a client that was closed by the server connects again

type Unstamped = ClientEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never;

/** What the clients of a run share. */
export interface Surroundings {
  now: () => number;
  /** The port of a connection attempt; the first attempt is 0. */
  route: (pod: number, attempt: number) => number;
  /** Ends what its session is owed. */
  ending(ending: Ending): void;
  /** Called with every record, also those of connections that were taken over. */
  recorded(record: ClientRecord): void;
  nextRequest: () => number;
  users: Users;
}

interface Connection {
  socket: Socket;
  proxy: Awaited<ReturnType<typeof openProxy>>;
  /** The record that receives its events; changes when the session is taken over. */
  record: ClientRecord;
  slowMs: number | undefined;
  /** When the token that it presented last was issued, in epoch seconds. */
  issuedAt: number;
  /** The port of the next attempt, in place of the route's. */
  nextPort: number | undefined;
}

export async function openClient(
  around: Surroundings,
  name: string,
  { transports, pod, user = name }: { transports: string[]; pod: number; user?: string },
) {
  const record: ClientRecord = { name, user, role: 'client', judgedFrom: 0, events: [] };
  around.recorded(record);
  const write = (event: Unstamped, to = record) =>
    to.events.push({ ...event, at: around.now() } as ClientEvent);
  const open = (at: number, to = record) =>
    openConnection(around, { user: to.user, transports, pod: at, record: to });
  const opened: Connection[] = [];
  let current = await open(pod);
  opened.push(current);
  current.socket.connect();

  /** Resolves to whether it was granted; while disconnected, requests wait for the reconnect. */
  const request = async (event: string, ...args: unknown[]): Promise<Record<string, unknown>> => {
    const { socket } = current;
    return socket
      .timeout(answerMsMax)
      .emitWithAck(event, ...args)
      .catch((error: Error) => ({ ok: false, error: error.message }));
  };

  const sid = () => record.events.findLast((event) => event.type === 'connected')?.sid;
  const member = async (action: 'join' | 'leave', room: string): Promise<boolean> => {
    const connection = current;
    const number = around.nextRequest();
    write({ type: 'called', request: number, action, room });
    const { ok } = await request(action, room);
    // After a takeover the answer belongs to the old connection: its effect stays unknown.
    if (connection !== current) return false;
    write({ type: 'answered', request: number, ok: ok === true });
    return ok === true;
  };
  /** Leaves on purpose. Nobody knows whether the pod notices. */
  const quit = () => {
    const id = sid();
    const { socket } = current;
    const what = socket.connected ? 'quit' : 'quit while disconnected';
    if (id !== undefined) around.ending({ what, sid: id, called: around.now() });
    write({ type: 'note', text: 'it disconnects on purpose' });
    socket.disconnect();
  };

  return {
    name,
    user,
    record,
    request,
    member,
    note: (text: string) => write({ type: 'note', text }),
    isConnected: () => current.socket.connected,
    /** The id of its session, also while it is disconnected. */
    sid,
    port: () => current.proxy.port(),
    /** Resets the connection on both sides, or only on the client's, as a broken network does. */
    cut: (both: boolean) => (both ? current.proxy.cut() : current.proxy.breakNear()),
    /** Stores a number in `socket.data`. */
    async set(): Promise<void> {
      const connection = current;
      const n = around.nextRequest();
      write({ type: 'sets', n });
      const { ok } = await request('set', n);
      if (connection === current && ok === true) write({ type: 'set', n });
    },
    /** To another pod, with a request there, and back at once. */
    async hop(away: number, action: 'join' | 'leave', room: string): Promise<void> {
      const connection = current;
      const home = connection.proxy.port();
      connection.nextPort = away;
      connection.proxy.cut();
      await member(action, room);
      connection.nextPort = home;
      connection.proxy.cut();
    },
    /** Disconnects on purpose, and comes back later. */
    async quit(awayMs: number): Promise<void> {
      const { socket } = current;
      quit();
      await sleep(awayMs);
      if (socket === current.socket) socket.connect();
    },
    /** Never comes back: it disconnects on purpose, or its connection breaks unnoticed. */
    leave(onPurpose: boolean) {
      record.role = 'gone';
      const { socket, proxy } = current;
      socket.io.reconnection(false);
      if (onPurpose) quit();
      else proxy.vanish();
    },
    slow(middlewareMs: number) {
      current.slowMs = middlewareMs;
      current.proxy.cut();
    },
    /** Its token expires in a moment; the next one is valid for longer. */
    expire() {
      const token = around.users.token(user, current.issuedAt, shortTokenSeconds);
      return request('refresh_token', token);
    },
    /** A second connection takes over the session while the first one is alive. */
    async takeOver(toPod: number): Promise<void> {
      const newer = await open(toPod);
      const older = current;
      if (!older.socket.connected) return newer.proxy.close();
      copySession(older.socket, newer.socket);
      older.socket.io.reconnection(false);
      const past = { ...record, events: [...record.events] };
      older.record = { ...past, name: `${name} (old)`, role: 'old', judgedFrom: around.now() };
      around.recorded(older.record);
      write({ type: 'note', text: 'its session was taken over by a newer connection' });
      current = newer;
      opened.push(newer);
      newer.socket.connect();
    },
    /** Another user presents its private session id. */
    async intrude(): Promise<void> {
      const stranger = `intruder of ${name}`;
      const own: ClientRecord = {
        name: stranger,
        user: 'intruder',
        role: 'intruder',
        judgedFrom: 0,
        events: [],
      };
      const connection = await open(pod, own);
      around.recorded(own);
      copySession(current.socket, connection.socket);
      opened.push(connection);
      connection.socket.connect();
    },
    close() {
      for (const { socket, proxy } of opened) {
        socket.disconnect();
        proxy.close();
      }
    },
  };
}

function copySession(from: Socket, to: Socket): void {
  for (const field of ['_pid', '_lastOffset']) Reflect.set(to, field, Reflect.get(from, field));
}

interface ConnectionOptions {
  user: string;
  transports: string[];
  pod: number;
  record: ClientRecord;
}

async function openConnection(
  { now, route, users }: Surroundings,
  { user, transports, pod, record }: ConnectionOptions,
): Promise<Connection> {
  const proxy = await openProxy(route(pod, 0));
  const socket = connect(proxy.url, {
    auth: (give) => {
      connection.issuedAt = users.issuedAt(user);
      const auth = { token: users.token(user, connection.issuedAt) };
      give(connection.slowMs === undefined ? auth : { ...auth, slowMs: connection.slowMs });
    },
    autoConnect: false,
    forceNew: true,
    transports,
    timeout: 5000,
    reconnectionDelay: 50,
    reconnectionDelayMax: 500,
  });
  const rest = { slowMs: undefined, issuedAt: 0, nextPort: undefined };
  const connection: Connection = { socket, proxy, record, ...rest };
  let attempt = 0;
  socket.io.on('reconnect_attempt', () => {
    attempt += 1;
    proxy.moveTo(connection.nextPort ?? route(pod, attempt));
    connection.nextPort = undefined;
  });
  observe(socket, (event) => connection.record.events.push({ ...event, at: now() } as ClientEvent));
  // A client whose user was kicked out comes back; one with a revoked token gets another one.
  const comeBack = () => setTimeout(() => socket.io.reconnection() && socket.connect(), kickedMs);
  socket.on('disconnect', (reason) => reason === 'io server disconnect' && comeBack());
  socket.on('connect_error', () => {
    if (!socket.active && users.mayBeRevoked(user, connection.issuedAt)) comeBack();
  });
  socket.on('connect', () => {
    connection.slowMs = undefined;
  });
  return connection;
}

function observe(socket: Socket, write: (event: Unstamped) => void): void {
  socket.io.on('open', () => write({ type: 'opened' }));
  socket.on('connect', () =>
    write({ type: 'connected', recovered: socket.recovered, sid: socket.id as string }),
  );
  socket.on('disconnect', (reason) => write({ type: 'disconnected', reason }));
  socket.on('connect_error', ({ message }) => {
    if (socket.active) return; // it reconnects by itself
    write({ type: 'disconnected', reason: `refused: ${message}` });
  });
  socket.on('message', ({ n }: { n: number }, offset: string | undefined) =>
    write({ type: 'received', n, offset }),
  );
  socket.on('data', ({ n }: { n: number }) => write({ type: 'data', n }));
  socket.on('question', ({ n }: { n: number }, answer: (reply: number) => void) => {
    write({ type: 'received', n, offset: undefined });
    answer(n);
  });
  type Change = Omit<Extract<Unstamped, { type: 'presence' }>, 'type' | 'offset'>;
  socket.on('presence', (change: Change, offset: string) =>
    write({ type: 'presence', ...change, offset }),
  );
  socket.on('welcome', (_, offset: string) => write({ type: 'shown', event: 'welcome', offset }));
}
