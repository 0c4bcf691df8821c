// A cluster of three masters, real processes; the one that has the namespace `/` has a replica.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { startRedis } from './redis.ts';
import { freePort, until } from './service.ts';

const run = promisify(execFile);

export async function startCluster() {
  const start = async () =>
    startRedis({
      'cluster-enabled': 'yes',
      'cluster-port': String(await freePort()), // by default ten thousand above, which may not be
      'cluster-node-timeout': '1500',
      'repl-diskless-sync-delay': '0',
    });
  const nodes = await Promise.all([start(), start(), start()]);
  const addresses = nodes.map(({ port }) => `127.0.0.1:${port}`);
  const cli = (...args: string[]) => run('redis-cli', ['--cluster', ...args, '--cluster-yes']);
  await cli('create', ...addresses);
  const [first] = nodes;
  const agreed = async () =>
    (await Promise.all(nodes.map(({ command }) => command('CLUSTER', 'INFO')))).every((info) =>
      String(info).includes('cluster_state:ok'),
    );
  await until('the cluster is there', agreed);

  const owner = async (asked = first) => {
    const slot = Number(await asked.command('CLUSTER', 'KEYSLOT', 'mooring:{/}:sequence'));
    const ranges = (await asked.command('CLUSTER', 'SLOTS')) as unknown;
    const [, , [, port]] = (ranges as [number, number, [string, number]][]).find(
      ([from, to]) => from <= slot && slot <= to,
    ) as [number, number, [string, number]];
    return port;
  };
  const env = {
    REDIS_MODE: 'cluster',
    REDIS_URL: addresses.map((address) => `redis://${address}`).join(),
  };
  const port = await owner();
  const master = nodes.find((node) => node.port === port) as (typeof nodes)[0];
  const replica = await start();
  const as = [
    '--cluster-slave',
    '--cluster-master-id',
    String(await master.command('CLUSTER', 'MYID')),
  ];
  await cli('add-node', `127.0.0.1:${replica.port}`, `127.0.0.1:${port}`, ...as);
  await until('the replica is in step', async () =>
    /master_link_status:up/.test(String(await replica.command('INFO', 'replication'))),
  );
  return { master, replica, owner, env };
}
