// A real Redis of the test's own, with append-only file, that can be killed and started again.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from 'redis';
import { onTestFinished } from 'vitest';
import { freePort, until } from './service.ts';

/** @param further settings of redis.conf, over those of the test's own */
export async function startRedis(further: Record<string, string> = {}) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'mooring-redis-'));
  let child: ChildProcess;
  const start = async (changed: Record<string, string> = {}) => {
    const own = { port, dir: folder, bind: '127.0.0.1', appendonly: 'yes', save: '' };
    const settings = { ...own, ...further, ...changed };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
    child = spawn('redis-server', args, { stdio: 'ignore' });
    await until('Redis answers', () => answers(port));
  };
  const kill = async () => {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  };
  await start();
  onTestFinished(async () => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  const signal = (name: 'SIGSTOP' | 'SIGCONT') => child.kill(name);
  const url = `redis://127.0.0.1:${port}`;
  /** As an administrator. */
  const command = async (...args: string[]) => {
    const { requirepass: password } = further;
    const client = await createClient({ url, ...(password && { password }) }).connect();
    return client.sendCommand(args).finally(() => client.destroy());
  };
  return { url, port, kill, start, signal, command };
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', (data) => {
      resolve(data.toString().startsWith('+PONG') || data.toString().startsWith('-NOAUTH'));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
  });
}
