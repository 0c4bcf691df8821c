// Secrets are rotated by the commands of docs/operations/secrets.md, while clients send messages.
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type Load, startLoad } from '../../service/cli/load/load.ts';
import { summarize } from '../../service/cli/load/summary.ts';
import { findKubectl } from '../../tools/helm.ts';
import { closeAll, connect, tokenMaker } from './clients.ts';
import {
  eventually,
  get,
  install,
  kubectl,
  note,
  openNamespace,
  portForward,
  run,
  serverPods,
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
  let url: string;

  beforeAll(async () => {
    home = await openNamespace('rotation');
    gateway = await openGateway(home.namespace);
    await install(home.namespace, { ...withoutVolume, ...behindGateway, ...swift, replicas: 2 });
    url = await directly(gateway);
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

  /** Nobody lost a message or the connection since the mark. */
  async function unnoticed() {
    const report = await load.report();
    note(summarize(report));
    const { delivery, reconnects, publishing } = report;
    const { lost, duplicated, reordered } = delivery;
    const none = { lost: 0, duplicated: 0, reordered: 0, retries: 0, reconnects: { 0: clients } };
    expect({ lost, duplicated, reordered, retries: publishing.retries, reconnects }).toEqual(none);
  }

  it('the password of Redis is noticed by no client, and the old one ends', async () => {
    const { namespace } = home;
    const old = await secretOf(namespace, 'mooring-redis', 'redis-password');
    const [commands = ''] = steps('the Redis password');
    load.mark();
    await timed('rotation of the Redis password', () => follow(commands, namespace));
    await unnoticed();
    const now = await secretOf(namespace, 'mooring-redis', 'redis-password');
    expect(await ping(namespace, now)).toBe('PONG');
    await touch(namespace);
    await eventually(120, async () => expect(await ping(namespace, old)).not.toContain('PONG'));
    expect(await restarts(namespace)).toBe(0);
  });

  it('the secret of tokens is noticed by no client, and its old tokens end', async () => {
    const { namespace } = home;
    const oldToken = (await tokenMaker(namespace))('alice');
    const [add = '', remove = ''] = steps('the secret that signs tokens');
    load.mark();
    await timed('rotation of the secret of tokens', () => follow(add, namespace));
    const newToken = (await tokenMaker(namespace))('bob');
    const refusals = await refusalsOf(url, [oldToken, newToken, oldToken, newToken]);
    expect(refusals).toEqual([]);
    await follow(remove, namespace);
    await touch(namespace);
    await eventually(120, async () =>
      expect(await refusalsOf(url, [oldToken, oldToken])).toEqual([
        'Invalid token',
        'Invalid token',
      ]),
    );
    expect(await refusalsOf(url, [newToken, newToken])).toEqual([]);
    await unnoticed();
  });

  it('an API key is never refused while a backend changes to another', async () => {
    const { namespace } = home;
    const keys = 'billing-2026-11:publish:old-key-of-the-backend\nsupport:read:key-of-the-support';
    const data = { 'api-keys': Buffer.from(keys).toString('base64') };
    await kubectl('-n', namespace, 'patch', 'secret', 'mooring', '-p', JSON.stringify({ data }));
    await touch(namespace);
    const pods = await serverPods(namespace);
    const forwards = await Promise.all(
      pods.map(({ metadata }) => portForward(namespace, `pod/${metadata.name}`, 3001)),
    );
    onTestFinished(() => {
      for (const forward of forwards) forward.close();
    });
    const statuses = (key: string) => Promise.all(forwards.map(({ url }) => publish(url, key)));
    let key = 'old-key-of-the-backend';
    await eventually(120, async () => expect(await statuses(key)).toEqual([202, 202]));

    const [add = '', remove = ''] = steps('API keys');
    const answers: number[] = [];
    let working = true;
    const backend = (async () => {
      while (working) {
        answers.push(...(await statuses(key)));
        await sleep(50);
      }
    })();
    await timed('rotation of an API key', () => follow(add, namespace));
    const lines = (await secretOf(namespace, 'mooring', 'api-keys')).split('\n');
    key = lines.find((line) => line.startsWith('billing-2026-12:'))?.split(':')[2] ?? '';
    await follow(remove, namespace);
    await touch(namespace);
    await eventually(120, async () =>
      expect(await statuses('old-key-of-the-backend')).toEqual([401, 401]),
    );
    working = false;
    await backend;
    note(`a backend published ${answers.length} times during the rotation`);
    expect(new Set(answers)).toEqual(new Set([202]));
    expect((await secretOf(namespace, 'mooring', 'api-keys')).trim().split('\n')).toHaveLength(2);
  });
});

/** The commands of a section, by block. */
function steps(what: string): string[] {
  const page = readFileSync('docs/operations/secrets.md', 'utf8');
  const [, text = ''] = page.split(`\n## Rotate ${what}\n`);
  const [section = ''] = text.split('\n## ');
  return [...section.matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(([, block = '']) => block);
}

/** The generated Secret has the name of the release. */
async function follow(commands: string, namespace: string) {
  const here = commands
    .replaceAll('--namespace chat', `--namespace ${namespace}`)
    .replaceAll('chat-auth', 'mooring');
  const path = `export PATH=${dirname(findKubectl())}:$PATH`;
  await run('bash', ['-euo', 'pipefail', '-c', `${path}\n${here}`]);
}

/** Lets nodes pass changed Secrets on at once. */
const touch = (namespace: string) =>
  kubectl('-n', namespace, 'annotate', 'pods', '--all', `touched=${Date.now()}`, '--overwrite');

/** Why tokens are refused, if they are; each gets a connection of its own. */
async function refusalsOf(url: string, tokens: string[]): Promise<string[]> {
  const asked = tokens.map(async (token, number) => {
    const client = connect(url, `user-${number}`, token, { transports: ['websocket'] });
    try {
      await eventually(20, async () => expect([...client.pods, ...client.errors]).not.toEqual([]));
      return client.errors;
    } finally {
      closeAll([client]);
    }
  });
  return (await Promise.all(asked)).flatMap(([first]) => first ?? []);
}

async function publish(operations: string, key: string): Promise<number> {
  const body = { rooms: ['pier'], event: 'invoice', data: {} };
  const headers = { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' };
  const options = { method: 'POST', headers, body: JSON.stringify(body) };
  return (await fetch(`${operations}/v1/publish`, options)).status;
}

async function secretOf(namespace: string, name: string, key: string): Promise<string> {
  const { data } = await get(namespace, 'secret', name);
  return Buffer.from(data[key], 'base64').toString();
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
