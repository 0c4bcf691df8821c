// Secrets are rotated by the commands of docs/operations/secrets.md, while clients send messages.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Load, startLoad } from '../../service/cli/load/load.ts';
import { summarize } from '../../service/cli/load/summary.ts';
import { findKubectl } from '../../tools/helm.ts';
import { tokenMaker } from './clients.ts';
import {
  eventually,
  get,
  install,
  kubectl,
  note,
  openNamespace,
  run,
  swift,
  timed,
  withoutVolume,
} from './cluster.ts';
import { behindGateway, directly, hasGateway, leads, openGateway } from './gateway.ts';

const clients = 40;

describe.runIf(await hasGateway())('rotating under load', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;
  let gateway: Awaited<ReturnType<typeof openGateway>>;
  let load: Load;

  beforeAll(async () => {
    home = await openNamespace('rotation');
    gateway = await openGateway(home.namespace);
    await install(home.namespace, { ...withoutVolume, ...behindGateway, ...swift, replicas: 2 });
    const url = await directly(gateway);
    await leads(url);
    const size = { clients, rooms: 4, rate: 5, connectsPerSecond: 25 };
    const tokenFor = await tokenMaker(home.namespace);
    load = await startLoad({ url, ...size, transports: [['websocket']], tokenFor });
  });

  afterAll(async () => {
    await load?.stop();
    gateway?.close();
    await home?.close();
  });

  it('the password of Redis is noticed by no client, and the old one ends', async () => {
    const { namespace } = home;
    const old = await passwordOf(namespace);
    load.mark();
    await timed('rotation of the Redis password', () => follow('the Redis password', namespace));
    const report = await load.report();
    note(summarize(report));
    const { delivery, reconnects, publishing } = report;
    const { lost, duplicated, reordered } = delivery;
    const none = { lost: 0, duplicated: 0, reordered: 0, retries: 0, reconnects: { 0: clients } };
    expect({ lost, duplicated, reordered, retries: publishing.retries, reconnects }).toEqual(none);
    expect(await ping(namespace, await passwordOf(namespace))).toBe('PONG');
    await kubectl(
      '-n',
      namespace,
      'annotate',
      'pod',
      'mooring-redis-0',
      'rotated=twice',
      '--overwrite',
    );
    await eventually(120, async () => expect(await ping(namespace, old)).not.toContain('PONG'));
    expect(await restarts(namespace)).toBe(0);
  });
});

/** Runs the commands of a section. */
async function follow(what: string, namespace: string) {
  const page = readFileSync('docs/operations/secrets.md', 'utf8');
  const [, section = ''] = page.split(`\n## Rotate ${what}\n`);
  const [, commands = ''] = section.split('\n## ')[0]?.split(/^```(?:sh)?$/m) ?? [];
  const here = commands.replaceAll('--namespace chat', `--namespace ${namespace}`);
  const path = `export PATH=${dirname(findKubectl())}:$PATH`;
  await run('bash', ['-euo', 'pipefail', '-c', `${path}\n${here}`]);
}

async function passwordOf(namespace: string): Promise<string> {
  const { data } = await get(namespace, 'secret', 'mooring-redis');
  return Buffer.from(data['redis-password'], 'base64').toString();
}

const ping = (namespace: string, password: string) =>
  kubectl(
    ...['-n', namespace, 'exec', 'mooring-redis-0', '-c', 'redis', '--'],
    ...['env', `REDISCLI_AUTH=${password}`, 'redis-cli', 'ping'],
  );

async function restarts(namespace: string): Promise<number> {
  const { status } = await get(namespace, 'pod', 'mooring-redis-0');
  return status.containerStatuses[0].restartCount;
}
