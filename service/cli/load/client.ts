// One stock client in a room, and the record of what happens to it.
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
  /** Connects and joins; rejects when it is refused for good. */
  start(): Promise<void>;
  stop(): void;
}

/** A stock client with a browser's cookies; it connects when told. */
export function createSocket(visitor: Visitor, refused: (kind: string) => void): Socket {
  const { url, token, headers, transports, manager } = visitor;
  const { agent } = createBrowser(url, headers, refused);
  return io(url, {
    autoConnect: false,
    forceNew: true,
    transports,
    auth: { token },
    agent: agent as never, // typed as a text, for browsers; Node needs the agent itself
    ...manager,
  });
}

export function createClient(number: number, room: string, visitor: Visitor): LoadClient {
  const record = createRecord(number, visitor.transports);
  const socket = createSocket(visitor, (kind) => {
    record.httpErrors.push({ at: Date.now(), kind });
  });
  let leftAt: number | undefined;
  socket.on('connect', () => {
    if (leftAt === undefined) return;
    const at = Date.now();
    record.returns.push({ at, awayMs: at - leftAt, recovered: socket.recovered });
    leftAt = undefined;
  });
  socket.on('welcome', ({ pod }: { pod: string }) => {
    record.pod = pod;
    if (!record.pods.includes(pod)) record.pods.push(pod);
  });
  socket.on('new_message', ({ roomId, text }: { roomId: string; text: string }) => {
    if (roomId === room) record.numbers.push(Number(text));
  });
  socket.on('disconnect', (reason) => {
    leftAt = Date.now();
    record.pod = undefined;
    record.disconnects.push({ at: leftAt, reason });
  });
  socket.on('connect_error', (error) => {
    record.connectErrors.push({ at: Date.now(), kind: kindOf(error) });
  });
  return {
    record,
    start: () => connectAndJoin(socket, room),
    stop: () => void socket.disconnect(),
  };
}

/** Resolves once it is in the room; from then on it joins again whenever it was not recovered. */
export function connectAndJoin(socket: Socket, room: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('connect', () => {
      if (!socket.recovered) join(socket, room).then(resolve, reject);
    });
    socket.on('connect_error', (error) => {
      if (!socket.active) reject(new Error(`Refused for good: ${kindOf(error)}`));
    });
    socket.connect();
  });
}

const joinMsMax = 5_000;
const joinPauseMs = 200;

/** Asks until it is in, or the connection is lost; rejects when it may not. */
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
  await new Promise(() => {}); // the next connect joins anew
}

/** A connect error in few words, with the HTTP status where there is one. */
export function kindOf(error: Error & { data?: { code?: string }; description?: unknown }) {
  const { message, data, description } = error;
  if (data?.code) return data.code;
  if (typeof description === 'number') return `${message}: ${description}`;
  const detail = (description as { message?: string } | undefined)?.message;
  return detail ? `${message}: ${detail}` : message;
}
