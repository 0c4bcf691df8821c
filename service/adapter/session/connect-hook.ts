// Who connects is known before anything is restored: the one private hook into Socket.IO 4.8.
// Its Socket constructor joins the rooms and writes the missed packets of a session, and runs
// before every middleware.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Namespace, Socket } from 'socket.io';
import type { Client, Session } from './session.ts';

export type Auth = Record<string, unknown>;

/** One CONNECT packet on its way to a socket. */
export interface Handshake {
  client: Client;
  /** `undefined`: nobody that may restore anything. */
  user: string | undefined;
  /** Whether it asks for a session that may be looked for. */
  asked: boolean;
  session?: Session;
}

interface Internals {
  _createSocket(client: Client, auth: Auth): Promise<Socket>;
  _preConnectSockets: Map<string, Socket>;
}

const underWay = new AsyncLocalStorage<Handshake>();

/** The handshake for which Socket.IO asks to restore a session. */
export const currentHandshake = () => underWay.getStore();

/**
 * @param identify see `AdapterOptions`
 * @param created told every socket before its middlewares run; false: it must not live
 */
export function hookHandshake(
  namespace: Namespace,
  identify: (auth: Auth) => Promise<string | undefined>,
  created: (socket: Socket, handshake: Handshake) => boolean,
): void {
  const internals = internalsOf(namespace);
  const create = internals._createSocket;
  internals._createSocket = async (client, auth) => {
    const handshake: Handshake = { client, user: undefined, asked: false };
    try {
      handshake.user = await identify(auth);
    } catch {
      client.conn.close(); // it may be somebody: let the client try again
    }
    if (handshake.user === undefined || typeof auth.pid !== 'string') delete auth.pid;
    else if (typeof auth.offset !== 'string') auth.offset = ''; // it has received nothing yet
    handshake.asked = auth.pid !== undefined;
    const socket = await underWay.run(handshake, () => create.call(namespace, client, auth));
    if (!created(socket, handshake)) {
      rename(socket);
      client.conn.close();
    }
    return socket;
  };
}

/** Ends its connection now, also one that is closing and waits for a peer that may be gone. */
export function endConnection(socket: Socket): void {
  const client = socket.client as unknown as Client;
  client.close();
  if (socket.connected) client.onclose('forced server close');
}

/** Drops a socket that is still in its middlewares, without touching its successor. */
export function forgetUnconnected(namespace: Namespace, socket: Socket): void {
  internalsOf(namespace)._preConnectSockets.delete(socket.id);
  rename(socket);
}

/** Its clean-up must not take the rooms of its successor with the same id. */
function rename(socket: Socket): void {
  Reflect.set(socket, 'id', `${socket.id}#retired`);
}

function internalsOf(namespace: Namespace): Internals {
  const internals = namespace as unknown as Internals;
  const fit =
    typeof internals._createSocket === 'function' && internals._preConnectSockets instanceof Map;
  if (!fit) throw new Error('this version of socket.io has other internals; use 4.8');
  return internals;
}
