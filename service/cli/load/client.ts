// One stock client in a room, with a record of everything that happens to it.
import { setTimeout as sleep } from 'node:timers/promises';
import { io, type ManagerOptions, type Socket } from 'socket.io-client';
import { createBrowser } from './browser.ts';
import { type ClientRecord, createRecord } from './record.ts';

interface Visitor {
  url: string;
  token: string;
  headers: Record<string, string>;
  transports: string[];
  manager?: Partial<ManagerOptions> | undefined;
}

export interface LoadClient {
  record: ClientRecord;
  /** Connects and joins; rejects if it is refused permanently. */
  start(): Promise<void>;
  stop(): void;
}

/** A stock client with a browser's cookies. It does not connect by itself. */
export function createSocket(visitor: Visitor, refused: (kind: string) => void): Socket {
  const { url, token, headers, transports, manager } = visitor;
  const { agent } = createBrowser(url, headers, refused);
  return io(url, {
    autoConnect: false,
    forceNew: true,
    transports,
    auth: { token },
    agent: agent as never, // typed as a string for browsers; Node needs the agent
    ...manager,
  });
}

export function createClient(number: number, room: string, visitor: Visitor): LoadClient {
  const record = createRecord(number, visitor.transports);
  const socket = createSocket(visitor, (kind) => {
    record.httpErrors.push({ at: performance.now(), kind });
  });
  let disconnectedAt: number | undefined;
  socket.on('connect', () => {
    if (disconnectedAt === undefined) return;
    const at = performance.now();
    record.returns.push({ at, reconnectMs: at - disconnectedAt, recovered: socket.recovered });
    disconnectedAt = undefined;
  });
  socket.on('welcome', ({ pod }: { pod: string }) => {
    record.pod = pod;
    if (!record.pods.includes(pod)) record.pods.push(pod);
  });
  socket.on('new_message', ({ roomId, text }: { roomId: string; text: string }) => {
    if (roomId === room) record.numbers.push(Number(text));
  });
  socket.on('disconnect', (reason) => {
    disconnectedAt = performance.now();
    record.pod = undefined;
    record.disconnects.push({ at: disconnectedAt, reason });
  });
  socket.on('connect_error', (error) => {
    record.connectErrors.push({ at: performance.now(), kind: kindOf(error) });
  });
  return {
    record,
    start: () => connectAndJoin(socket, room),
    stop: () => void socket.disconnect(),
  };
}

/** Resolves once it has joined; later it joins again after every reconnect without recovery. */
export function connectAndJoin(socket: Socket, room: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('connect', () => {
      if (!socket.recovered) join(socket, room).then(resolve, reject);
    });
    socket.on('connect_error', (error) => {
      if (!socket.active) reject(new Error(`Permanently refused: ${kindOf(error)}`));
    });
    socket.connect();
  });
}

const joinMsMax = 5_000;
const joinPauseMs = 200;

/** Retries until it has joined or the connection is lost; rejects if it is not allowed. */
async function join(socket: Socket, room: string): Promise<void> {
  const { id } = socket;
  while (socket.connected && socket.id === id) {
    const reply = await socket
      .timeout(joinMsMax)
      .emitWithAck('join_room', room)
      .catch(() => {});
    if (reply?.ok) return;
    if (reply && !reply.error.retryable) throw new Error(`join_room: ${reply.error.message}`);
    await sleep(joinPauseMs);
  }
  await new Promise(() => {}); // the next connect joins again
}

/** A short description of a connect error, with the HTTP status if there is one. */
export function kindOf(error: Error & { data?: { code?: string }; description?: unknown }) {
  const { message, data, description } = error;
  if (data?.code) return data.code;
  if (typeof description === 'number') return `${message}: ${description}`;
  const detail = (description as { message?: string } | undefined)?.message;
  return detail ? `${message}: ${detail}` : message;
}
