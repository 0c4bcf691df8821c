// The probes' scripts as the chart has them, asked about a real Redis.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../harness/redis.ts';
import { until } from '../harness/service.ts';
import { only, render } from './render.ts';

const { data } = only(render(), 'ConfigMap', 'mooring-redis');
const requirepass = 'a-password';

/** Whether the script succeeds with a Redis on this port, which in the pod is the default one. */
function probesOf(port: number) {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-probe-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const client = join(folder, 'redis-cli');
  writeFileSync(client, `#!/bin/sh\nPATH=\${PATH#*:}\nexec redis-cli -p ${port} "$@"\n`);
  chmodSync(client, 0o755);
  const env = { PATH: `${folder}:${process.env.PATH}`, REDISCLI_AUTH: requirepass };
  return (script: 'alive.sh' | 'ready.sh') =>
    spawnSync('sh', ['-c', data[script]], { env }).status === 0;
}

it('a Redis that loads is alive and not ready; one that is gone is neither', async () => {
  const redis = await startRedis({ requirepass, appendonly: 'no' });
  const probe = probesOf(redis.port);
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
