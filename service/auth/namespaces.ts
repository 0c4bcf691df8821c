// Authentication on every namespace, static or dynamic: the token identifies the user.
import { refusedOf } from '../protocol/bounds.ts';
import type { MooringNamespace, MooringSocket } from '../protocol/identity.ts';
import { type Refusal, refusal, Unavailable } from '../protocol/refusals.ts';
import { userRoom } from '../protocol/rooms.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { adminOnly } from './admin.ts';
import { refuseToken, type Verdict, type Verify } from './tokens.ts';

export type VerifyAuth = (auth: Record<string, unknown>, again?: 'again') => Promise<Verdict>;
const authBytesMax = 4_096; // beside the token
const namespacesMax = 20; // of one connection

type Report = (stage: string, error: unknown) => void;

type Connection = MooringSocket['conn'];

/** The budget of connections that have not authenticated. */
interface Unauthenticated {
  /** Returns false if there is no room for another client: the connection is closed. */
  admit(connection: Connection): boolean;
  /** Its last socket has left the connection. */
  left(connection: Connection): void;
}
type Next = (error?: Error) => void;

/**
 * The middleware that verifies `auth.token`. `accepted` is called with every authenticated socket
 * before any other middleware or handler.
 */
export function createAuthentication(parts: {
  verifyAuth: VerifyAuth;
  unauthenticated: Unauthenticated;
  connectionsPerUserMax: number;
  metrics: Metrics;
  report: Report;
  accepted: (socket: MooringSocket) => void;
}) {
  const { verifyAuth, unauthenticated, connectionsPerUserMax, metrics, report, accepted } = parts;
  const connected = new WeakMap<object, Set<string>>();
  function disconnected(this: MooringSocket) {
    const namespaces = connected.get(this.conn);
    namespaces?.delete(this.nsp.name);
    if (namespaces?.size === 0) unauthenticated.left(this.conn);
  }
  return async function authenticate(socket: MooringSocket, next: Next): Promise<void> {
    const { auth } = socket.handshake;
    const { conn, nsp } = socket;
    const namespaces = connected.get(conn) ?? new Set();
    connected.set(conn, namespaces);
    if (namespaces.has(nsp.name)) {
      conn.close(); // Socket.IO would create a socket for every CONNECT that arrives in one batch
      return next(new Error('duplicate CONNECT'));
    }
    namespaces.add(nsp.name);
    const verdict = await verifyAuth(auth).catch((error: unknown) => {
      report('authentication', error);
      return undefined;
    });
    // fetchSockets() would send these secrets to every replica.
    for (const name of ['token', 'pid', 'offset']) delete auth[name];
    if (!verdict) {
      // A refusal would be final; after a closed transport the client retries.
      conn.close();
      return next(new Error('unavailable'));
    }
    const refuse = (refused: Refusal, reason?: string) => {
      namespaces.delete(nsp.name);
      if (namespaces.size === 0) unauthenticated.left(conn);
      const { code, message, ...data } = refused.error;
      metrics.connectRefused(code, { socketId: socket.id, reason });
      next(Object.assign(new Error(message), { data: { code, ...data } }));
    };
    if (namespaces.size > namespacesMax) return refuse(refusal('too_many_namespaces'));
    if (!verdict.ok) return refuse(refuseToken(verdict), verdict.reason);
    const code = adminOnly(nsp.name, verdict.data.user);
    if (code) return refuse(refusal(code));
    if (othersOf(verdict.data.user.id, socket) >= connectionsPerUserMax)
      return refuse(refusal('too_many_connections'));
    if (!unauthenticated.admit(conn)) return next(new Error('over capacity'));
    Object.assign(socket.data, verdict.data);
    await socket.join(userRoom(verdict.data.user.id));
    socket.on('disconnect', disconnected); // one function for all sockets
    accepted(socket);
    next();
  };
}

/** How many other sockets the user has on this namespace, in this process. */
function othersOf(userId: string, { id, nsp }: MooringSocket): number {
  const sockets = nsp.adapter.rooms.get(userRoom(userId));
  return sockets ? sockets.size - (sockets.has(id) ? 1 : 0) : 0; // a restored one is in it
}

/**
 * Verifies the payload of a CONNECT packet once: the adapter asks before it restores a session, and
 * the middleware asks for every namespace. Asked `again`, it replaces the verdict.
 */
export function verifyOnce(verify: Verify): VerifyAuth {
  const verdicts = new WeakMap<object, Promise<Verdict>>();
  return (auth, again) => {
    const known = again ? undefined : verdicts.get(auth);
    const verdict = known ?? (isTooLarge(auth) ? tooLarge : verify(auth.token));
    verdicts.set(auth, verdict);
    return verdict;
  };
}

/**
 * Identifies the user before a session is restored, which may take a while: from then on, the
 * connection counts as authenticated. A rejection closes it, and the client tries again.
 *
 * Whose session it is depends on the commands that concern the user. If this process may not know
 * them all, a client that presents a session waits: a wrong answer would cost it the session.
 */
export function identifyBy(
  verifyAuth: VerifyAuth,
  admit: Unauthenticated['admit'],
  available: () => Promise<void>,
) {
  return async (auth: Record<string, unknown>, connection: object): Promise<Verdict> => {
    const verdict = await verifyAuth(auth);
    if (!verdict.ok) return verdict;
    if (!admit(connection as Connection)) throw new Unavailable('Over capacity');
    if (!verdict.isProvisional || typeof auth.pid !== 'string') return verdict;
    await available();
    const current = await verifyAuth(auth, 'again');
    if (current.ok && current.isProvisional) throw new Unavailable('Redis is unavailable');
    return current;
  };
}

/** The socket keeps what is beside the token, and shares it with every replica that asks. */
function isTooLarge(auth: Record<string, unknown>): boolean {
  if (refusedOf(auth)) return true;
  const { token: _, ...rest } = auth;
  try {
    return Buffer.byteLength(JSON.stringify(rest)) > authBytesMax;
  } catch {
    return true; // nested too deeply
  }
}

const tooLarge = Promise.resolve<Verdict>({
  ok: false,
  code: 'auth_too_large',
  reason: `auth has over ${authBytesMax} bytes beside the token`,
});

type Middleware = ReturnType<typeof createAuthentication>;

/**
 * Puts a middleware in front of all others. Children of a dynamic namespace copy their parent's
 * middlewares before `new_namespace` is emitted, and `io.use()` covers `/` only.
 */
export function useFirst(namespace: MooringNamespace, middleware: Middleware): void {
  namespace.use(middleware);
  const middlewares: unknown = Reflect.get(namespace, '_fns'); // private in Socket.IO, so check it
  if (!Array.isArray(middlewares) || middlewares.at(-1) !== middleware) {
    throw new Error('Unsupported socket.io version: cannot order its middlewares; use 4.8');
  }
  middlewares.unshift(middlewares.pop());
}
