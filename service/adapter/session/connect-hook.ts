// Identifies who connects before anything is restored: the one hook into Socket.IO's internals that
// changes what it does. Its Socket constructor joins the rooms and writes the missed packets of a
// session, and runs before every middleware.
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Namespace, Socket } from 'socket.io';
import { type Auth, type Client, retireId, wrapCreateSocket } from '../socketio-internals.ts';
import type { Session } from './session.ts';

/** One CONNECT packet on its way to a socket. */
export interface Connect {
  client: Client;
  /** `undefined`: may not restore anything. */
  user: string | undefined;
  session?: Session;
}

const underWay = new AsyncLocalStorage<Connect>();

/** The CONNECT packet for which Socket.IO asks to restore a session. */
export const currentConnect = () => underWay.getStore();

/**
 * @param identify see `AdapterOptions`
 * @param created called with every socket before its middlewares run; false: it must not live
 */
export function hookConnect(
  namespace: Namespace,
  identify: (auth: Auth) => Promise<string | undefined>,
  created: (socket: Socket, connect: Connect) => boolean,
): void {
  wrapCreateSocket(namespace, (create) => async (client, auth) => {
    const connect: Connect = { client, user: undefined };
    try {
      connect.user = await identify(auth);
    } catch {
      client.conn.close(); // the user is unknown only now: let the client try again
    }
    if (connect.user === undefined || typeof auth.pid !== 'string') delete auth.pid;
    else if (typeof auth.offset !== 'string') auth.offset = ''; // it has received nothing yet
    const socket = await underWay.run(connect, () => create(client, auth));
    if (!created(socket, connect)) {
      retireId(socket);
      client.conn.close();
    }
    return socket;
  });
}
