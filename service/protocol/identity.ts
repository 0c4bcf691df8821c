// Who is behind a socket, and the types of the server that carry it.
import type { DefaultEventsMap, Namespace, Server, Socket } from 'socket.io';
import { z } from 'zod';

/** Room names and user ids appear in URLs, logs and keys: the alphabet is narrow on purpose. */
export const nameSchema = z
  .string()
  .regex(/^[A-Za-z0-9_\-.:@]{1,128}$/, 'must be 1-128 letters, digits or any of _ - . : @');

/** The user that a token names. */
export interface User {
  id: string;
  role?: string;
  /** Patterns of the rooms the user may join, for `ROOM_ACCESS=claims`. */
  rooms?: string[];
}

/** `socket.data` once the socket is authenticated. Kept to plain JSON: it survives recovery. */
export interface SocketData {
  user: User;
  /** Epoch milliseconds at which the token ends. */
  expiresAt: number;
  /** Epoch milliseconds at which the token was issued; 0 when it does not say. */
  issuedAt: number;
  /** The last revocation that the token has outlived; a session from before it is not restored. */
  revokedBefore?: number;
}

type Events = DefaultEventsMap;
export type MooringServer = Server<Events, Events, Events, SocketData>;
export type MooringNamespace = Namespace<Events, Events, Events, SocketData>;
export type MooringSocket = Socket<Events, Events, Events, SocketData>;
