// Commands from backends to every process, and the revocations that they leave.
import { z } from 'zod';
import type { EndedAt } from './memberships.ts';

/**
 * `endedAt` is added when the command is issued. Sockets that have connected since then stay open.
 */
export type Command = z.output<typeof commandSchema>;
const endedAt = { endedAt: z.record(z.string(), z.number()).optional() };
const texts = z.array(z.string());
export const commandSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('disconnect'), users: texts, sockets: texts, ...endedAt }),
  z.object({ type: z.literal('revoke'), userId: z.string(), before: z.number(), ...endedAt }),
]);

/** Processes poll for commands, so that one that lost its connection to Redis misses none. */
export interface Commands {
  /**
   * Resolves when every process will find the command. The sessions that it concerns cannot be
   * recovered from then on. Rejects with `Unavailable`.
   */
  issue(command: Command): Promise<void>;
  /** Commands since the last call, oldest first. In Redis, the first call returns none. */
  poll(): Promise<Command[]>;
  /** While Redis is unavailable, answers with what this process knows. */
  cutoffsOf(userId: string): Promise<Cutoffs>;
  /** Resolves once it is worth asking again for cutoffs that may be outdated. */
  available(): Promise<void>;
}

/** What commands have left behind for a user, in epoch milliseconds; 0: nothing. */
export interface Cutoffs {
  /** Tokens that were issued before are refused. */
  revokedBefore: number;
  /** Sessions that connected before cannot be recovered. */
  sessionsEndedAt: number;
  /** Redis could not be asked: there may be later commands that this process does not know. */
  mayBeOutdated?: true;
}

/** Makes the sessions of users and socket ids unrecoverable. */
export type EndSessions = (userIds: string[], sids: string[]) => Promise<EndedAt>;

/** The users and socket ids of a command. */
export const subjectsOf = (command: Command) =>
  command.type === 'revoke'
    ? { users: [command.userId], sockets: [] }
    : { users: command.users, sockets: command.sockets };

/** Cutoffs that one process keeps in memory. */
export const knownMax = 100_000;
