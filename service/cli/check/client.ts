// A stock client that connects once and does not reconnect.
import { connect, type Socket } from 'socket.io-client';
import { clientFailure } from './failure.ts';
import type { Failure } from './finding.ts';
import type { CheckTarget } from './target.ts';

export type Transport = 'polling' | 'websocket';

const connectMsMax = 10_000;
const welcomeMsMax = 2_000;
const replyMsMax = 5_000;

export interface CheckClient {
  socket: Socket;
  /** The pod named in its `welcome`. */
  pod: string;
  /** The outcome of the upgrade to a WebSocket; pending without one. */
  upgrade: Promise<'upgraded' | 'refused'>;
}

interface Options {
  transports: Transport[];
  token: string | undefined;
  /** Sent instead of the cookies that the endpoint sets. */
  cookie?: string | undefined;
}

/** Resolves once Mooring has sent `welcome`, or with the failure. */
export async function openClient(
  target: CheckTarget,
  options: Options,
): Promise<CheckClient | Failure> {
  const socket = createSocket(target, options);
  const welcome = new Promise<string>((resolve) => {
    socket.once('welcome', (message?: { pod?: unknown }) => resolve(String(message?.pod)));
  });
  socket.connect();
  const { engine } = socket.io; // exists from now on; listen before the upgrade
  const upgrade = new Promise<'upgraded' | 'refused'>((resolve) => {
    engine.once('upgrade', () => resolve('upgraded'));
    engine.once('upgradeError', () => resolve('refused'));
  });
  const failure = await opened(socket, target);
  const pod = failure ? undefined : await within(welcomeMsMax, welcome);
  if (pod !== undefined) return { socket, pod, upgrade };
  socket.disconnect();
  return failure ?? { finding: 'not_mooring', detail: 'connected, but received no welcome event' };
}

function createSocket(target: CheckTarget, options: Options): Socket {
  const { origin, path, agent, headers } = target;
  const { transports, token, cookie } = options;
  return connect(origin, {
    path,
    transports,
    auth: token === undefined ? {} : { token },
    forceNew: true,
    autoConnect: false,
    reconnection: false,
    timeout: connectMsMax,
    // Outside of browsers a stock client keeps cookies only with this option.
    withCredentials: cookie === undefined,
    extraHeaders: { ...headers, ...(cookie && { Cookie: cookie }) },
    ...(agent && { agent: agent as never }), // its type is that of browsers
  });
}

function opened(socket: Socket, target: CheckTarget): Promise<Failure | undefined> {
  return new Promise((resolve) => {
    const late = () =>
      resolve({ finding: 'silent', detail: `no answer within ${connectMsMax / 1000} s` });
    const timer = setTimeout(late, connectMsMax);
    const end = (failure?: Failure) => {
      clearTimeout(timer);
      resolve(failure);
    };
    socket.once('connect', () => end());
    socket.once('connect_error', (error) => end(clientFailure(error, target.origin)));
    socket.once('disconnect', (reason) => end({ finding: 'broken_off', detail: reason }));
  });
}

/** The value, or `undefined` if it takes longer than `msMax`. */
export async function within<T>(msMax: number, value: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, msMax, undefined);
  });
  return Promise.race([value, late]).finally(() => clearTimeout(timer));
}

export type Reply = { ok: boolean; error?: { code: string } } | undefined;

/** An acknowledged request; `undefined` without an answer. */
export async function request(socket: Socket, event: string, payload: unknown): Promise<Reply> {
  return socket
    .timeout(replyMsMax)
    .emitWithAck(event, payload)
    .catch(() => undefined);
}
