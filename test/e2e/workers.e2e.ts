// Valkey instead of Redis, two workers in a pod, and what process 1 does for them.
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  eventually,
  get,
  helm,
  inside,
  install,
  type Json,
  kubectl,
  node,
  openNamespace,
  serverPods,
  timed,
} from './cluster.ts';

let home: Awaited<ReturnType<typeof openNamespace>>;

beforeAll(async () => {
  home = await openNamespace('workers');
  const redis = { engine: 'valkey', cpu: '50m' };
  const drain = { seconds: 1, settleSeconds: 0 };
  const config = { WORKERS: 2 };
  const values = { ...inside, redis, config, drain, replicas: 1 };
  await timed('install with Valkey and two workers ready', () => install(home.namespace, values));
});

afterAll(() => home?.close());

it('passes helm test on Valkey', async () => {
  const client = ['exec', 'mooring-redis-0', '--', 'sh', '/etc/redis/cli.sh'];
  expect(await kubectl('-n', home.namespace, ...client, 'info', 'server')).toContain(
    'server_name:valkey',
  );
  await helm(['test', 'mooring', '-n', home.namespace, '--logs']);
});

const processes = async (): Promise<{ id: number; parent: number; state: string }[]> =>
  JSON.parse(
    await node(
      home.namespace,
      'deployment/mooring',
      `import { readdirSync, readFileSync } from 'node:fs';
      const ids = readdirSync('/proc').filter((name) => Number(name));
      console.log(JSON.stringify(ids.flatMap((id) => {
        try {
          const fields = readFileSync('/proc/' + id + '/stat', 'utf8').split(') ')[1].split(' ');
          return { id: Number(id), state: fields[0], parent: Number(fields[1]) };
        } catch { return []; }
      })));`,
    ),
  );
const workers = async () => (await processes()).filter(({ parent }) => parent === 1);

it('leaves no zombie: a killed worker is reaped and replaced', async () => {
  const before = await workers();
  expect(before).toHaveLength(2);
  const [victim] = before;
  await node(home.namespace, 'deployment/mooring', `process.kill(${victim?.id}, 'SIGKILL')`);
  await eventually(20, async () => {
    const after = await workers();
    expect(after).toHaveLength(2);
    expect(after.some(({ id }) => id === victim?.id)).toBe(false);
  });
  expect((await processes()).filter(({ state }) => state === 'Z')).toEqual([]);
});

it('takes SIGTERM as process 1 and exits 0', async () => {
  await node(home.namespace, 'deployment/mooring', `process.kill(1, 'SIGTERM')`);
  await eventually(60, async () => {
    const [pod] = await serverPods(home.namespace);
    const { terminated } = pod.status.containerStatuses[0].lastState;
    expect(terminated).toMatchObject({ exitCode: 0, reason: 'Completed' });
  });
  await eventually(60, async () => {
    const { status }: Json = await get(home.namespace, 'deployment', 'mooring');
    expect(status.readyReplicas).toBe(1);
  });
});
