// A dedicated Redis, configured as the adapter requires: with an append-only file.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { requirePrograms } from '../tools/programs.ts';

export type Redis = Awaited<ReturnType<typeof startRedis>>;

const startMsMax = 10_000;

export async function startRedis() {
  const program = (await requirePrograms(['redis-server'], true))['redis-server'];
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'mooring-bench-'));
  const settings = { port, dir: folder, bind: '127.0.0.1', appendonly: 'yes', save: '' };
  const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]);
  const child = spawn(program, args, { stdio: 'ignore' });
  const exited = once(child, 'exit');
  const url = `redis://127.0.0.1:${port}`;
  const client = await connectWhenUp(url);
  return {
    url,
    /** CPU time of all its threads since the start, in microseconds. */
    async cpuMicros() {
      const text = await client.info('cpu');
      const seconds = (name: string) => Number(new RegExp(`${name}:([\\d.]+)`).exec(text)?.[1]);
      return Math.round((seconds('used_cpu_sys') + seconds('used_cpu_user')) * 1e6);
    },
    info: (section: string) => client.info(section),
    async stop() {
      client.destroy();
      child.kill('SIGKILL');
      await exited;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function connectWhenUp(url: string) {
  const end = Date.now() + startMsMax;
  for (;;) {
    const client = createClient({ url, socket: { reconnectStrategy: false } });
    client.on('error', () => {}); // the rejection below reports it
    try {
      return await client.connect();
    } catch (error) {
      if (Date.now() > end) throw error;
      await sleep(20);
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address ? address.port : 0;
}
