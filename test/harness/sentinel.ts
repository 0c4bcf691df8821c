// A master, a replica and three Sentinels that watch them: real processes, with passwords.
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { onTestFinished } from 'vitest';
import { startRedis } from './redis.ts';
import { freePort, until } from './service.ts';

const password = 'of Redis';
const sentinelPassword = 'of the Sentinels';

export async function startSentinels() {
  const quick = { 'repl-diskless-sync-delay': '0' };
  const auth = { requirepass: password, masterauth: password, ...quick };
  const first = await startRedis(auth);
  const second = await startRedis({ ...auth, replicaof: `127.0.0.1 ${first.port}` });
  await until('the replica is in step', async () =>
    /master_link_status:up/.test(String(await second.command('INFO', 'replication'))),
  ); // Sentinels look for replicas every ten seconds only
  const sentinels = await Promise.all([1, 2, 3].map(() => startSentinel(first.port)));
  const ask = async (...args: string[]) => {
    const url = `redis://:${encodeURIComponent(sentinelPassword)}@127.0.0.1:${sentinels[0]?.port}`;
    const client = await createClient({ url })
      .on('error', () => {})
      .connect();
    return client.sendCommand(['SENTINEL', ...args]).finally(() => client.destroy());
  };
  const master = async () => {
    const address = (await ask('GET-MASTER-ADDR-BY-NAME', 'main')) as unknown;
    return Number((address as [string, string])[1]);
  };
  await until('they know each other', async () =>
    /^OK 3 /.test(String(await ask('CKQUORUM', 'main').catch(String))),
  );
  await until('the replica is known', async () =>
    JSON.stringify(await ask('REPLICAS', 'main')).includes(String(second.port)),
  );
  const addresses = sentinels.map(({ port }) => `redis://127.0.0.1:${port}`);
  const credentials = addresses[0]?.replace('//', `//:${encodeURIComponent(password)}@`);
  return {
    nodes: [first, second] as const,
    ask,
    master,
    /** For `createSentinel`. */
    options: {
      name: 'main',
      sentinelRootNodes: sentinels.map(({ port }) => ({ host: '127.0.0.1', port })),
      nodeClientOptions: { password },
      sentinelClientOptions: { password: sentinelPassword },
    },
    env: {
      REDIS_MODE: 'sentinel',
      REDIS_URL: [credentials, ...addresses.slice(1)].join(),
      REDIS_SENTINEL_NAME: 'main',
      REDIS_SENTINEL_PASSWORD: sentinelPassword,
    },
  };
}

async function startSentinel(masterPort: number) {
  const port = await freePort();
  const folder = mkdtempSync(join(tmpdir(), 'mooring-sentinel-'));
  const path = join(folder, 'sentinel.conf');
  const settings = `port ${port}
bind 127.0.0.1
dir ${folder}
requirepass "${sentinelPassword}"
sentinel sentinel-pass "${sentinelPassword}"
sentinel monitor main 127.0.0.1 ${masterPort} 2
sentinel auth-pass main "${password}"
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 2000
`;
  writeFileSync(path, settings);
  const child: ChildProcess = spawn('redis-server', [path, '--sentinel'], { stdio: 'ignore' });
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  return { port };
}
