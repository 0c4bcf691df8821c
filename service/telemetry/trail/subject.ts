// Whom an event of the trail is about: a socket, its user and its session.
import { createHash } from 'node:crypto';
import type { MooringSocket } from '../../protocol/identity.ts';

const sessionIdLength = 12;

export interface Subject {
  userId: string;
  socketId: string;
  sessionId: string;
  namespace: string;
}

const sessionIds = new WeakMap<MooringSocket, string>();

export function subjectOf(socket: MooringSocket): Subject {
  const { id: socketId, data, nsp } = socket;
  let sessionId = sessionIds.get(socket);
  if (sessionId === undefined) {
    const pid: unknown = Reflect.get(socket, 'pid');
    sessionId = sessionIdOf(typeof pid === 'string' ? pid : socketId); // else it is one connection
    sessionIds.set(socket, sessionId);
  }
  return { userId: data.user.id, socketId, sessionId, namespace: nsp.name };
}

/**
 * Whoever has the private session id can ask for the session; nobody finds it from these digits.
 * Unlike the socket's id, they are known of a session that could not be recovered.
 */
export const sessionIdOf = (pid: string) =>
  createHash('sha256').update(pid).digest('hex').slice(0, sessionIdLength);
