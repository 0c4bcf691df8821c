// The scripts of the Redis container as the chart has them, with a real Redis.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@redis/client';
import { expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../harness/redis.ts';
import { freePort, until } from '../harness/service.ts';
import { only, render } from './render.ts';

const { data } = only(render(), 'ConfigMap', 'mooring-redis');
const password = 'a-password';

/** The container's folders in a temporary one, and a redis-cli that finds this port by default. */
function unpack(port: number) {
  const root = mkdtempSync(join(tmpdir(), 'mooring-redis-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  const write = (path: string, text: string) => writeFileSync(join(root, path), text);
  for (const folder of ['etc/redis', 'run/redis', 'run/secrets/redis', 'data', 'bin']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  const here = (text: string) => text.replaceAll(/(?<=^|\s)\/(etc|run|data)\b/gm, `${root}/$1`);
  for (const [name, text] of Object.entries<string>(data)) write(`etc/redis/${name}`, here(text));
  write('bin/redis-cli', `#!/bin/sh\nPATH=\${PATH#*:}\nexec redis-cli -p ${port} "$@"\n`);
  chmodSync(join(root, 'bin/redis-cli'), 0o755);
  const env = { PATH: `${root}/bin:${process.env.PATH}` };
  const script = (name: string) => join(root, 'etc/redis', name);
  /** Whether the script succeeds. */
  const probe = (name: 'alive.sh' | 'ready.sh') =>
    spawnSync('sh', [script(name)], { env }).status === 0;
  return { root, env, write, script, probe };
}

it('a Redis that loads is alive and not ready; one that is gone is neither', async () => {
  const redis = await startRedis({ requirepass: password, appendonly: 'no' });
  const { write, probe } = unpack(redis.port);
  write('run/redis/password', password);
  expect([probe('alive.sh'), probe('ready.sh')]).toEqual([true, true]);

  await redis.command('eval', "for i = 1, 3000 do redis.call('set', i, i) end", '0');
  await redis.command('save');
  await redis.kill();
  expect([probe('alive.sh'), probe('ready.sh')]).toEqual([false, false]);

  const slowly = { 'key-load-delay': '1000', 'loading-process-events-interval-bytes': '1024' };
  await redis.start(slowly);
  expect([probe('alive.sh'), probe('ready.sh')]).toEqual([true, false]);
  await until('it is ready', () => probe('ready.sh'));
});

it('a Redis that runs follows its Secret, and accepts the previous password too', async () => {
  const port = await freePort();
  const { root, env, write, script, probe } = unpack(port);
  const accepts = async (password: string) => {
    const url = `redis://:${password}@127.0.0.1:${port}`;
    const client = createClient({ url, socket: { reconnectStrategy: false } });
    try {
      await client.connect();
      client.destroy();
      return true;
    } catch {
      return false;
    }
  };
  write('run/secrets/redis/redis-password', 'old');
  appendFileSync(script('redis.conf'), `port ${port}\n`);
  const server = spawn('sh', [script('start.sh')], { env, detached: true, stdio: 'ignore' });
  const ended = once(server, 'exit');
  onTestFinished(async () => {
    process.kill(-(server.pid as number)); // with the script that follows the Secret
    await ended;
  });
  await until('it is ready', () => probe('ready.sh'));
  expect([await accepts('old'), await accepts('new')]).toEqual([true, false]);

  write('run/secrets/redis/redis-password-previous', 'old');
  write('run/secrets/redis/redis-password', 'new');
  await until('it accepts the new password', () => accepts('new'));
  expect([await accepts('old'), probe('ready.sh')]).toEqual([true, true]);

  rmSync(join(root, 'run/secrets/redis/redis-password-previous'));
  await until('it refuses the old password', async () => !(await accepts('old')));
  expect([await accepts('new'), probe('ready.sh'), probe('alive.sh')]).toEqual([true, true, true]);
});
