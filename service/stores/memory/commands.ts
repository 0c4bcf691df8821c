// Commands of a single process, in its memory.
import { type Command, type Commands, knownMax } from '../commands.ts';

/** @param revokedMsMax how long a revocation is kept */
export function createMemoryCommands(revokedMsMax: number): Commands {
  const revoked = new Map<string, { before: number; until: number }>();
  let pending: Command[] = [];
  return {
    async issue(command) {
      pending.push(command);
      if (command.type !== 'revoke') return;
      const { userId } = command;
      const before = Math.max(command.before, revoked.get(userId)?.before ?? 0);
      revoked.delete(userId); // keeps the map in write order
      revoked.set(userId, { before, until: Date.now() + revokedMsMax });
      const [oldest] = revoked.keys();
      if (revoked.size > knownMax && oldest !== undefined) revoked.delete(oldest);
    },
    async poll() {
      const commands = pending;
      pending = [];
      return commands;
    },
    async revokedBefore(userId) {
      const entry = revoked.get(userId);
      return entry && entry.until > Date.now() ? entry.before : 0;
    },
  };
}
