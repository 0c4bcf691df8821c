// Who may open a connection now. Engine.IO can only answer 403 or 400, which proxies do not retry
// and clients take badly; a 503 in front of it sends them to another replica.
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import type { HandshakeRefusal } from '../protocol/refusals.ts';

const retryAfterSeconds = 1;

/**
 * Answers 503 to handshakes while `refuse` has a reason. A request that carries a `sid` belongs to
 * an open session and always passes. To be called after Engine.IO took the server.
 */
export function interposeAdmission(
  server: Server,
  refuse: () => HandshakeRefusal | undefined,
  refused: (reason: HandshakeRefusal) => void,
): void {
  const turnAway = (request: IncomingMessage) => {
    if (!isHandshake(request.url ?? '')) return false;
    const reason = refuse();
    if (reason) refused(reason);
    return reason !== undefined;
  };
  interpose(server, 'request', (request, response) => {
    if (!turnAway(request)) return false;
    response.writeHead(503, { 'Retry-After': retryAfterSeconds, Connection: 'close' });
    response.end();
    return true;
  });
  interpose(server, 'upgrade', (request, socket: Duplex) => {
    if (!turnAway(request)) return false;
    socket.on('error', () => socket.destroy());
    const head = ['HTTP/1.1 503 Service Unavailable', `Retry-After: ${retryAfterSeconds}`];
    socket.end([...head, 'Connection: close', 'Content-Length: 0', '', ''].join('\r\n'));
    return true;
  });
}

/** An Engine.IO request that would open a session: the protocol's path, and no `sid`. */
export function isHandshake(url: string): boolean {
  if (!url.startsWith('/socket.io/')) return false; // Engine.IO matches the path as a prefix
  const { searchParams } = new URL(url, 'http://any'); // as Engine.IO does
  const sid = searchParams.getAll('sid').at(-1); // the last one counts, an empty one is none
  return searchParams.has('EIO') && !sid;
}

/** Runs `first` before the listeners that are there; true from it means it has answered. */
function interpose(
  server: Server,
  event: 'request' | 'upgrade',
  // biome-ignore lint/suspicious/noExplicitAny: the arguments are node:http's, by event
  first: (request: IncomingMessage, ...rest: any[]) => boolean,
): void {
  const listeners = server.listeners(event);
  server.removeAllListeners(event);
  server.on(event, (request: IncomingMessage, ...rest: unknown[]) => {
    if (first(request, ...rest)) return;
    for (const listener of listeners) listener.call(server, request, ...rest);
  });
}
