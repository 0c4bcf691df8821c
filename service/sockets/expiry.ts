// One sweep for every token: a timer per socket would overflow at 25 days and cost memory.
import type { MooringNamespace, MooringServer } from '../protocol.ts';

const sweepMs = 1_000;

/**
 * Closes the transport of sockets whose token has ended. The client comes back by itself: with a
 * fresh token if its `auth` is a function, else it is told `token_expired`.
 */
export function closeExpired(io: MooringServer): { close(): void } {
  const namespaces = new Set<MooringNamespace>([io.of('/')]);
  io.on('new_namespace', (namespace) => namespaces.add(namespace));
  const timer = setInterval(() => {
    const now = Date.now();
    for (const namespace of namespaces) {
      for (const socket of namespace.sockets.values()) {
        if (socket.data.expiresAt <= now) socket.conn.close();
      }
    }
  }, sweepMs);
  return { close: () => clearInterval(timer) };
}
