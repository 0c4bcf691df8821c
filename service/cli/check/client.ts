// A stock client that reaches the service once and does not come back by itself.
import { connect, type Socket } from 'socket.io-client';
import type { Door } from './door.ts';
import { clientFailure } from './failure.ts';
import type { Failure } from './finding.ts';

export type Transport = 'polling' | 'websocket';

const connectMsMax = 10_000;
const welcomeMsMax = 2_000;
const replyMsMax = 5_000;

export interface Client {
  socket: Socket;
  /** The name of the pod that welcomed it. */
  pod: string;
  /** How the upgrade to a WebSocket ended, when there is one. */
  upgrade: Promise<'upgraded' | 'refused'>;
}

interface Options {
  transports: Transport[];
  token: string | undefined;
  /** Sent instead of the cookies that the door sets. */
  cookie?: string | undefined;
}

/** Resolves once Mooring has welcomed the client, and with what went wrong otherwise. */
export async function openClient(door: Door, options: Options): Promise<Client | Failure> {
  const socket = createSocket(door, options);
  const welcome = new Promise<string>((resolve) => {
    socket.once('welcome', (message?: { pod?: unknown }) => resolve(String(message?.pod)));
  });
  socket.connect();
  const { engine } = socket.io; // it exists from now on, and an upgrade may be quick
  const upgrade = new Promise<'upgraded' | 'refused'>((resolve) => {
    engine.once('upgrade', () => resolve('upgraded'));
    engine.once('upgradeError', () => resolve('refused'));
  });
  const failure = await opened(socket, door);
  const pod = failure ? undefined : await within(welcomeMsMax, welcome);
  if (pod !== undefined) return { socket, pod, upgrade };
  socket.disconnect();
  return failure ?? { finding: 'not_mooring', detail: 'connected, but nobody said welcome' };
}

function createSocket({ origin, path, agent }: Door, options: Options): Socket {
  const { transports, token, cookie } = options;
  return connect(origin, {
    path,
    transports,
    auth: token === undefined ? {} : { token },
    forceNew: true,
    autoConnect: false,
    reconnection: false,
    timeout: connectMsMax,
    // A stock client outside of browsers keeps cookies only when it is told to.
    withCredentials: cookie === undefined,
    ...(cookie && { extraHeaders: { Cookie: cookie } }),
    ...(agent && { agent: agent as never }), // its type is that of browsers
  });
}

function opened(socket: Socket, door: Door): Promise<Failure | undefined> {
  return new Promise((resolve) => {
    const late = () => resolve({ finding: 'silent', detail: 'no answer in time' });
    const timer = setTimeout(late, connectMsMax);
    const end = (failure?: Failure) => {
      clearTimeout(timer);
      resolve(failure);
    };
    socket.once('connect', () => end());
    socket.once('connect_error', (error) => end(clientFailure(error, door.origin)));
    socket.once('disconnect', (reason) => end({ finding: 'broken_off', detail: reason }));
  });
}

/** The value, or nothing when it takes longer than `msMax`. */
export async function within<T>(msMax: number, value: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, msMax, undefined);
  });
  return Promise.race([value, late]).finally(() => clearTimeout(timer));
}

export type Reply = { ok: boolean; error?: { code: string } } | undefined;

/** An acknowledged request; nothing when no answer came. */
export async function request(socket: Socket, event: string, payload: unknown): Promise<Reply> {
  return socket
    .timeout(replyMsMax)
    .emitWithAck(event, payload)
    .catch(() => undefined);
}
