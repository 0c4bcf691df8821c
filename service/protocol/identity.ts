// The user behind a socket, and the server types that carry it.
import type { DefaultEventsMap, Namespace, Server, Socket } from 'socket.io';
import { z } from 'zod';

/**
 * Deliberately narrow: clients choose room names, which appear in URLs, logs and Redis keys. `.`
 * and `..` cannot be segments of a URL.
 */
export const roomIdSchema = z
  .string()
  .regex(
    /^(?!\.{1,2}$)[A-Za-z0-9_\-.:@]{1,128}$/,
    'must be 1-128 letters, digits or any of _ - . : @, but not . or ..',
  );

const userId = 'must be 1-255 printable characters';

/** Whatever an issuer puts into `sub`: no control characters, no invisible format characters. */
export const userIdSchema = z
  .string(userId)
  .regex(/^[^\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]{1,255}$/u, userId);

/** The user that a token names. */
export interface User {
  id: string;
  role?: string;
  /** Patterns of the rooms that the user may join, for `ROOM_ACCESS=claims`. */
  rooms?: string[];
}

/** `socket.data` of an authenticated socket. Plain JSON only, because sessions store it. */
export interface SocketData {
  user: User;
  /** Expiry of the token in epoch milliseconds. */
  expiresAt: number;
  /** When the token was issued, in epoch milliseconds. 0 if the token does not say. */
  issuedAt: number;
  /**
   * When a backend last ended the user's sessions. Older ones are not restored.
   */
  sessionsEndedAt?: number;
}

/** The owner of a session: a user, up to the next time that a backend ends the user's sessions.
 * No user id has a line feed. */
export const ownerOf = ({ user, sessionsEndedAt }: SocketData) =>
  sessionsEndedAt ? `${user.id}\n${sessionsEndedAt}` : user.id;

/** The user id of an owner. */
export const userOf = (owner: string) => owner.split('\n')[0] ?? '';

type Events = DefaultEventsMap;
export type MooringServer = Server<Events, Events, Events, SocketData>;
export type MooringNamespace = Namespace<Events, Events, Events, SocketData>;
export type MooringSocket = Socket<Events, Events, Events, SocketData>;
