// Commands from backends to every process, and the revocations that they leave.

export type Command =
  | { type: 'disconnect'; users: string[]; sockets: string[] }
  | { type: 'revoke'; userId: string; before: number };

/** Processes poll for commands, so that one that lost its connection to Redis misses none. */
export interface Commands {
  /** Resolves when every process will find the command. Rejects with `Unavailable`. */
  issue(command: Command): Promise<void>;
  /** Commands since the last call, oldest first. In Redis, the first call returns none. */
  poll(): Promise<Command[]>;
  /**
   * Epoch milliseconds: the user's tokens from before are revoked. 0 if none are. While Redis is
   * unavailable, answers with the revocations that this process knows.
   */
  revokedBefore(userId: string): Promise<number>;
}

/** Revocations that one process keeps in memory. */
export const knownMax = 100_000;
