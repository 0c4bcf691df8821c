// Keeps file descriptors for probes, Redis and the log: clients must not take the last ones. A
// process without descriptors accepts a connection only to close it, a liveness probe included.
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import type { Socket } from 'node:net';

const reserved = 128;

/** How many connections of clients leave enough descriptors. Infinity if nothing limits them. */
export function connectionsForDescriptors(limits = readLimits()): number {
  const [, max] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
  return max === undefined ? Infinity : Math.max(1, Number(max) - reserved);
}

function readLimits(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return ''; // not Linux
  }
}

/**
 * Closes new TCP connections beyond `max` at once, whatever they were about to ask.
 * @param closed called for each
 */
export function reserveDescriptors(server: Server, max: number, closed: () => void): void {
  let open = 0;
  server.prependListener('connection', (socket: Socket) => {
    open += 1;
    socket.once('close', () => {
      open -= 1;
    });
    if (open <= max) return;
    closed();
    socket.destroy();
  });
}
