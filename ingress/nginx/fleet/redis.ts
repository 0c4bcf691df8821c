// The Redis of the fleet, with its own configuration and folder, on loopback.
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Command } from '../../../tools/processes.ts';

const configuration = (port: number) => `\
bind 127.0.0.1
port ${port}
daemonize no
# Messages and sessions survive a crash of Redis but for its last second.
appendonly yes
appendfsync everysec
save ""
# Never throw away what a client may still recover; writes fail first, and the service says so.
maxmemory-policy noeviction
# The default (32mb 8mb 60) cuts a replica off that falls behind for a minute.
client-output-buffer-limit pubsub 256mb 64mb 60
`;

export function redisCommand(stateFolder: string, program: string, port: number): Command {
  const folder = join(stateFolder, 'redis');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'redis.conf'), configuration(port));
  return { name: 'redis', program, args: ['redis.conf'], folder, env: {} };
}

/** Whether Redis is ready; while it loads its file it answers LOADING. */
export function redisAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once('data', (answer) => {
      resolve(answer.toString().startsWith('+PONG'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
