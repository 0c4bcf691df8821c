// Commands of a single process, in its memory.
import {
  type Command,
  type Commands,
  type EndSessions,
  knownMax,
  subjectsOf,
} from '../commands.ts';
import type { MemoryMemberships } from './memberships.ts';

/** @param revokedMsMax how long a revocation is kept */
export function createMemoryCommands(
  { endedAt }: Pick<MemoryMemberships, 'endedAt'>,
  endSessions: EndSessions,
  revokedMsMax: number,
): Commands {
  const revoked = new Map<string, { before: number; until: number }>();
  let pending: Command[] = [];
  return {
    async issue(command) {
      const { users, sockets } = subjectsOf(command);
      const endedAt = await endSessions(users, sockets);
      pending.push({ ...command, endedAt });
      if (command.type !== 'revoke') return;
      const { userId } = command;
      const before = Math.max(command.before, revoked.get(userId)?.before ?? 0);
      revoked.delete(userId); // keeps the map in write order
      revoked.set(userId, { before, until: performance.now() + revokedMsMax });
      const [oldest] = revoked.keys();
      if (revoked.size > knownMax && oldest !== undefined) revoked.delete(oldest);
    },
    async poll() {
      const commands = pending;
      pending = [];
      return commands;
    },
    async cutoffsOf(userId) {
      const entry = revoked.get(userId);
      const revokedBefore = entry && entry.until > performance.now() ? entry.before : 0;
      return { revokedBefore, sessionsEndedAt: endedAt(userId) };
    },
    async available() {},
  };
}
