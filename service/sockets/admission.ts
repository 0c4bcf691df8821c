// Refuses handshakes before Engine.IO sees them. Engine.IO could only answer 400 or 403,
// which proxies do not retry; they retry a 503 on another replica.
import { type IncomingMessage, type Server, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type HandshakeRefusal, handshakeRefusals } from '../protocol/refusals.ts';

const retryAfterSeconds = 1;

/**
 * Refuses handshakes for which `refuse` returns a reason. Requests with a `sid` belong to an
 * open connection and always pass. Call it after attaching Engine.IO to the server.
 */
export function interposeAdmission(
  server: Server,
  refuse: (request: IncomingMessage) => HandshakeRefusal | undefined,
  refused: (reason: HandshakeRefusal) => void,
): void {
  const turnAway = (request: IncomingMessage) => {
    const reason = isHandshake(request.url ?? '') ? refuse(request) : undefined;
    if (!reason) return undefined;
    refused(reason);
    return handshakeRefusals[reason].status;
  };
  interpose(server, 'request', (request, response) => {
    const status = turnAway(request);
    if (!status) return false;
    response.writeHead(status, { 'Retry-After': retryAfterSeconds, Connection: 'close' });
    response.end();
    return true;
  });
  interpose(server, 'upgrade', (request, socket: Duplex) => {
    const status = turnAway(request);
    if (!status) return false;
    socket.on('error', () => socket.destroy());
    const head = [
      `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
      `Retry-After: ${retryAfterSeconds}`,
    ];
    socket.end([...head, 'Connection: close', 'Content-Length: 0', '', ''].join('\r\n'));
    return true;
  });
}

/** Whether a request would open an Engine.IO connection: the path matches and there is no `sid`. */
export function isHandshake(url: string): boolean {
  if (!url.startsWith('/socket.io/')) return false; // Engine.IO matches the path as a prefix
  const { searchParams } = new URL(url, 'http://any'); // parsed as Engine.IO does
  const sid = searchParams.getAll('sid').at(-1); // the last counts, an empty one does not
  return searchParams.has('EIO') && !sid;
}

/** Runs `first` before the existing listeners, and skips them if it returns true. */
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
