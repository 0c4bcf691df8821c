// How replicas reach each other's clients: the one seam between the service and its adapter.
import type { ServerOptions } from 'socket.io';
import type { SocketData } from '../protocol/identity.ts';

/** Who connects, by the payload of its CONNECT packet. */
export type Identify = (
  auth: Record<string, unknown>,
) => Promise<{ ok: true; data: SocketData } | { ok: false }>;

/** Whose a session is: of one user, until his tokens are revoked. */
export const ownerOf = ({ user, revokedBefore }: SocketData) =>
  revokedBefore ? `${user.id} ${revokedBefore}` : user.id;

/** How long the same key of `once` is answered with the first outcome. */
export const onceMs = 600_000;

/** What happens in the same step as the publishing, or not at all. */
export interface Extras {
  /** Keeps `value`, the newest `entriesMax` of its key, for `ms` after the last one. */
  record?: { key: string; value: string; entriesMax: number; ms: number };
  /** A key that is published once in ten minutes. */
  once?: string;
  /** Travels with the message, for `deliveryDelayed` on each process that delivers it. */
  context?: string;
}

export interface Outcome {
  /** False: the key of `once` was published before, and `record` is what was recorded then. */
  first: boolean;
  record: string;
}

export interface Broadcast {
  /** For the `adapter` option of Socket.IO. */
  adapter: ServerOptions['adapter'];
  /**
   * Runs `emit` and resolves when what it published is in Redis, else with `Unavailable`: then it
   * may be published all the same, and the same `once` key finds out. With extras, `emit` is to
   * emit one event in the namespace `/`.
   */
  publish(emit: () => void, extras?: Extras): Promise<Outcome>;
  /** What was recorded under a key, newest first. */
  recorded(key: string): AsyncIterable<string>;
  /** Resolves when lost connections can be recovered; to be asked once the server is there. */
  ready(): Promise<void>;
}
