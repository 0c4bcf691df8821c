// Recovery in one process: Socket.IO's own adapter, with the promises that it does not make. Nobody
// gets a session before the token is verified, and a client that comes back before its old
// connection was missed takes it over.
import type { Namespace, ServerOptions, Socket } from 'socket.io';
import { SessionAwareAdapter } from 'socket.io-adapter';
import { hookHandshake } from '../../adapter/session/connect-hook.ts';
import type { SocketData } from '../../protocol/identity.ts';
import type { RecoveryResult } from '../../telemetry/metrics.ts';
import { type Identify, ownerOf } from '../broadcast.ts';

interface Session {
  data: SocketData;
}

/** @param ended told how each attempt to recover a session went */
export function createMemoryAdapter(
  identify: Identify,
  ended: (result: RecoveryResult) => void,
): ServerOptions['adapter'] {
  class MemoryAdapter extends SessionAwareAdapter {
    constructor(nsp: Namespace) {
      super(nsp);
      hookHandshake(
        nsp,
        async (auth) => {
          const who = await identify(auth);
          if (!who.ok) return undefined;
          if (typeof auth.pid === 'string') this.prepare(auth.pid, who.data, auth);
          return who.data.user.id;
        },
        (socket, { asked }) => {
          if (asked) ended(socket.recovered ? 'recovered' : 'unknown');
          return true;
        },
      );
    }

    /** Leaves `auth.pid` only where its session may be given out. */
    prepare(pid: string, data: SocketData, auth: Record<string, unknown>): void {
      const sockets: Socket[] = [...this.nsp.sockets.values()];
      const live = sockets.find((socket) => Reflect.get(socket, 'pid') === pid);
      const sessions: Map<string, Session> = Reflect.get(this, 'sessions');
      const owner: SocketData | undefined = live?.data ?? sessions.get(pid)?.data;
      if (!owner || ownerOf(owner) !== ownerOf(data)) {
        if (owner) ended('refused');
        delete auth.pid;
      } else if (live) Reflect.get(live.client, 'close').call(live.client); // keeps the session
    }
  }
  return MemoryAdapter as unknown as ServerOptions['adapter'];
}
