// Identifies the user before a session is restored. This is the only hook that changes the behavior
// of Socket.IO. It is needed because the Socket constructor joins the session's rooms and writes
// its missed packets before any middleware runs.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Namespace, Socket } from 'socket.io';
import { type Auth, type Client, retireId, wrapCreateSocket } from '../socketio-internals.ts';
import type { Session } from './session.ts';

/** The state of one CONNECT packet until its socket exists. */
export interface Connect {
  client: Client;
  /** The payload. */
  auth: Auth;
  /** If `undefined`, nothing is restored. */
  user: string | undefined;
  session?: Session;
}

const underWay = new AsyncLocalStorage<Connect>();

/** The CONNECT packet for which Socket.IO calls `restoreSession`. */
export const currentConnect = () => underWay.getStore();

/**
 * @param identify see `AdapterOptions`
 * @param created called with every socket before its middlewares run. False drops the socket.
 */
export function hookConnect(
  namespace: Namespace,
  identify: (auth: Auth, client: Client) => Promise<string | undefined>,
  created: (socket: Socket, connect: Connect) => boolean,
): void {
  wrapCreateSocket(namespace, (create) => async (client, auth) => {
    const connect: Connect = { client, auth, user: undefined };
    try {
      connect.user = await identify(auth, client);
    } catch {
      client.conn.close(); // a temporary failure: the client tries again
    }
    if (connect.user === undefined || typeof auth.pid !== 'string') delete auth.pid;
    else if (typeof auth.offset !== 'string') auth.offset = ''; // nothing received yet
    const socket = await underWay.run(connect, () => create(client, auth));
    if (!created(socket, connect)) {
      retireId(socket);
      client.conn.close();
    }
    return socket;
  });
}
