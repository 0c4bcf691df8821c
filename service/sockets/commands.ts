// Runs the commands of backends on the sockets of this process.
import type { MooringServer, MooringSocket } from '../protocol/identity.ts';
import { Unavailable } from '../protocol/refusals.ts';
import { userRoom } from '../protocol/rooms.ts';
import type { Command, Commands } from '../stores/commands.ts';

const pollMs = 500;
// Longer than a connect takes: its token was verified, or its session claimed, just before.
const repeatMs = 20_000;
type Disconnect = Extract<Command, { type: 'disconnect' }>;
type Report = (stage: string, error: unknown) => void;

export function runCommands(io: MooringServer, { issue, poll }: Commands, report: Report) {
  const started = Promise.withResolvers<void>();
  let repeated: { command: Command; until: number }[] = [];
  const runNew = async () => {
    const commands = await poll();
    started.resolve();
    const until = performance.now() + repeatMs;
    repeated.push(...commands.map((command) => ({ command, until })));
    repeated = repeated.filter(({ until }) => until > performance.now());
    for (const { command } of repeated) close(io, command);
  };
  let running: Promise<void> | undefined;
  const run = () => {
    // While Redis is unavailable, the next run retries.
    running ??= runNew()
      .catch((error) => error instanceof Unavailable || report('commands', error))
      .then(() => {
        running = undefined;
      });
    return running;
  };
  const timer = setInterval(run, pollMs);
  void run();

  return {
    /** Resolves when this process can no longer miss a command. */
    started: started.promise,
    /** Issues a command to every process, and runs it in this one. */
    async issue(command: Command) {
      await issue(command);
      await run();
    },
    async close() {
      clearInterval(timer);
      await running;
    },
  };
}

/** Closes sockets for good: stock clients do not reconnect, and the sessions are deleted. */
function close(io: MooringServer, command: Command): void {
  for (const socket of [...socketsOf(io, command)]) {
    if (command.type === 'revoke' && socket.data.issuedAt >= command.before) continue;
    if (command.type === 'disconnect' && isNewer(socket, command)) continue;
    socket.disconnect(true);
  }
}

/** Whether the socket connected after the command, which each process reads at its own pace. */
function isNewer({ id, data }: MooringSocket, { sockets, endedAt }: Disconnect): boolean {
  const at = endedAt?.[data.user.id];
  return at !== undefined && !sockets.includes(id) && (data.sessionsEndedAt ?? 0) >= at;
}

function* socketsOf(io: MooringServer, command: Command): Generator<MooringSocket> {
  const revoked = command.type === 'revoke';
  const users = revoked ? [command.userId] : command.users;
  for (const { adapter, sockets } of io._nsps.values()) {
    const named = revoked ? [] : command.sockets;
    const theirs = users.flatMap((userId) => [...(adapter.rooms.get(userRoom(userId)) ?? [])]);
    for (const id of [...named, ...theirs]) {
      const socket = sockets.get(id);
      if (socket) yield socket;
    }
  }
}
