// A stock client that moves among the pods, and a record of all that it asked and got.
import { connect, type Socket } from 'socket.io-client';
import { tokenFor } from '../harness/processes.ts';
import type { ClientEvent, ClientRecord } from './history.ts';
import { openWire } from './wire.ts';

export type ChaosClient = Awaited<ReturnType<typeof openClient>>;

const answerMsMax = 8_000; // longer than a pod is frozen
const tokenSeconds = 600;
const shortTokenSeconds = 2;

type Unstamped = ClientEvent extends infer E ? (E extends unknown ? Omit<E, 'at'> : never) : never;

/** What clients share in a run. */
export interface Surroundings {
  now: () => number;
  /** The port that a connection goes to; the first attempt is 0. */
  route: (pod: number, attempt: number) => number;
  /** Told every record, also those of connections that were taken over. */
  recorded(record: ClientRecord): void;
  nextRequest: () => number;
}

interface Connection {
  socket: Socket;
  wire: Awaited<ReturnType<typeof openWire>>;
  /** Where what arrives on it is written; changes when the session is taken over. */
  record: ClientRecord;
  slowMs: number | undefined;
}

export async function openClient(
  around: Surroundings,
  name: string,
  { transports, pod }: { transports: string[]; pod: number },
) {
  const record: ClientRecord = { name, role: 'client', judgedFrom: 0, events: [] };
  around.recorded(record);
  const write = (event: Unstamped, to = record) =>
    to.events.push({ ...event, at: around.now() } as ClientEvent);
  const open = (at: number, user = name, to = record) =>
    openConnection(around, { user, transports, pod: at, record: to });
  const opened: Connection[] = [];
  let current = await open(pod);
  opened.push(current);
  current.socket.connect();

  /** Resolves to whether it was granted; what is asked while it is away is sent when it is back. */
  const request = async (event: string, ...args: unknown[]): Promise<Record<string, unknown>> => {
    const { socket } = current;
    return socket
      .timeout(answerMsMax)
      .emitWithAck(event, ...args)
      .catch((error: Error) => ({ ok: false, error: error.message }));
  };

  return {
    name,
    record,
    request,
    note: (text: string) => write({ type: 'note', text }),
    isConnected: () => current.socket.connected,
    /** Of its session, also while it is away. */
    sid: () => record.events.findLast((event) => event.type === 'connected')?.sid,
    port: () => current.wire.port(),
    /** Reset on both sides, or only on the client's, as by a network that breaks. */
    cut: (both: boolean) => (both ? current.wire.cut() : current.wire.breakNear()),
    async member(action: 'join' | 'leave', room: string): Promise<boolean> {
      const connection = current;
      const number = around.nextRequest();
      write({ type: 'called', request: number, action, room });
      const { ok } = await request(action, room);
      // After a takeover the answer is one to the old connection: what it did stays open.
      if (connection !== current) return false;
      write({ type: 'answered', request: number, ok: ok === true });
      return ok === true;
    },
    slow(middlewareMs: number) {
      current.slowMs = middlewareMs;
      current.wire.cut();
    },
    /** Its token ends in a moment; the next one it gets lives on. */
    expire: () => request('refresh_token', tokenFor(name, shortTokenSeconds)),
    /** A second connection goes on with the session, while the first one lives. */
    async takeOver(toPod: number): Promise<void> {
      const newer = await open(toPod);
      const older = current;
      if (!older.socket.connected) return newer.wire.close();
      copySession(older.socket, newer.socket);
      older.socket.io.reconnection(false);
      const past = { ...record, events: [...record.events] };
      older.record = { ...past, name: `${name} (old)`, role: 'old', judgedFrom: around.now() };
      around.recorded(older.record);
      write({ type: 'note', text: 'its session goes to a newer connection' });
      current = newer;
      opened.push(newer);
      newer.socket.connect();
    },
    /** A stranger shows its private session id. */
    async intrude(): Promise<void> {
      const stranger = `intruder of ${name}`;
      const own: ClientRecord = { name: stranger, role: 'intruder', judgedFrom: 0, events: [] };
      const connection = await open(pod, 'intruder', own);
      around.recorded(own);
      copySession(current.socket, connection.socket);
      opened.push(connection);
      connection.socket.connect();
    },
    close() {
      for (const { socket, wire } of opened) {
        socket.disconnect();
        wire.close();
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
  { now, route }: Surroundings,
  { user, transports, pod, record }: ConnectionOptions,
): Promise<Connection> {
  const wire = await openWire(route(pod, 0));
  const socket = connect(wire.url, {
    auth: (give) => {
      const token = tokenFor(user, tokenSeconds);
      give(connection.slowMs === undefined ? { token } : { token, slowMs: connection.slowMs });
    },
    autoConnect: false,
    forceNew: true,
    transports,
    timeout: 5000,
    reconnectionDelay: 50,
    reconnectionDelayMax: 500,
  });
  const connection: Connection = { socket, wire, record, slowMs: undefined };
  let attempt = 0;
  socket.io.on('reconnect_attempt', () => {
    attempt += 1;
    wire.moveTo(route(pod, attempt));
  });
  observe(socket, (event) => connection.record.events.push({ ...event, at: now() } as ClientEvent));
  socket.on('connect', () => {
    connection.slowMs = undefined;
  });
  return connection;
}

function observe(socket: Socket, write: (event: Unstamped) => void): void {
  socket.on('connect', () =>
    write({ type: 'connected', recovered: socket.recovered, sid: socket.id as string }),
  );
  socket.on('disconnect', (reason) => write({ type: 'disconnected', reason }));
  socket.on('connect_error', ({ message }) => {
    if (socket.active) return; // it tries again
    write({ type: 'disconnected', reason: `refused: ${message}` });
  });
  socket.on('message', ({ n }: { n: number }, offset: string | undefined) =>
    write({ type: 'received', n, offset }),
  );
  socket.on('question', ({ n }: { n: number }, answer: (reply: number) => void) => {
    write({ type: 'received', n, offset: undefined });
    answer(n);
  });
  socket.on('welcome', (_, offset: string) => write({ type: 'shown', event: 'welcome', offset }));
}
