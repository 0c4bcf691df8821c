// Authentication on every namespace, present and future: the token decides who a socket is.

import type { MooringNamespace, MooringSocket } from '../protocol/identity.ts';
import { type RefusalCode, refusal } from '../protocol/refusals.ts';
import { userRoom } from '../protocol/rooms.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { adminOnly } from './admin.ts';
import type { Verdict } from './tokens.ts';

type Verify = (token: unknown) => Promise<Verdict>;
type VerifyAuth = (auth: Record<string, unknown>) => Promise<Verdict>;
type Report = (stage: string, error: unknown) => void;
type Next = (error?: Error) => void;

/**
 * The middleware that verifies `auth.token`. `accepted` sees every socket that passed, before any
 * other middleware or handler does.
 */
export function createAuthentication(parts: {
  verifyAuth: VerifyAuth;
  metrics: Metrics;
  report: Report;
  accepted: (socket: MooringSocket) => void;
}) {
  const { verifyAuth, metrics, report, accepted } = parts;
  const connected = new WeakMap<object, Set<string>>();
  function disconnected(this: MooringSocket) {
    connected.get(this.conn)?.delete(this.nsp.name);
  }
  return async function authenticate(socket: MooringSocket, next: Next): Promise<void> {
    const { auth } = socket.handshake;
    const { conn, nsp } = socket;
    const namespaces = connected.get(conn) ?? new Set();
    connected.set(conn, namespaces);
    if (namespaces.has(nsp.name)) {
      conn.close(); // Socket.IO would make a socket of each CONNECT that arrives in one batch
      return next(new Error('connected twice'));
    }
    namespaces.add(nsp.name);
    const verdict = await verifyAuth(auth).catch((error: unknown) => {
      report('authentication', error);
      return undefined;
    });
    delete auth.token; // fetchSockets() would hand it to every replica
    if (!verdict) {
      // A refusal would be final for the client; a closed transport makes it try again.
      conn.close();
      return next(new Error('unavailable'));
    }
    const code = verdict.ok ? adminOnly(nsp.name, verdict.data.user) : verdict.code;
    if (!verdict.ok || code) {
      namespaces.delete(nsp.name);
      return next(refuseConnect(code ?? 'invalid_token', socket, metrics));
    }
    Object.assign(socket.data, verdict.data);
    await socket.join(userRoom(verdict.data.user.id));
    socket.on('disconnect', disconnected); // one function for all sockets
    accepted(socket);
    next();
  };
}

/**
 * The verdict on a CONNECT packet's payload, made once: the adapter asks before it restores a
 * session, the middleware asks for every namespace.
 */
export function verifyOnce(verify: Verify): VerifyAuth {
  const verdicts = new WeakMap<object, Promise<Verdict>>();
  return (auth) => {
    const verdict = verdicts.get(auth) ?? verify(auth.token);
    verdicts.set(auth, verdict);
    return verdict;
  };
}

type Middleware = ReturnType<typeof createAuthentication>;

/**
 * Puts a middleware in front of all others: the children of a dynamic namespace copy their
 * parent's middlewares before they are announced, and `io.use()` runs for `/` alone.
 */
export function useFirst(namespace: MooringNamespace, middleware: Middleware): void {
  namespace.use(middleware);
  const middlewares: unknown = Reflect.get(namespace, '_fns'); // private, hence the check
  if (!Array.isArray(middlewares) || middlewares.at(-1) !== middleware) {
    throw new Error('this version of socket.io keeps its middlewares elsewhere; use 4.8');
  }
  middlewares.unshift(middlewares.pop());
}

function refuseConnect(code: RefusalCode, { id }: MooringSocket, metrics: Metrics): Error {
  metrics.connectRefused(code, { socketId: id });
  const { message, ...data } = refusal(code).error;
  return Object.assign(new Error(message), { data });
}
