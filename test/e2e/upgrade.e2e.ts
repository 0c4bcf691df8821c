// What `helm upgrade` changes, and what it leaves alone.
import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { closeAll, connect, tokenMaker, welcomed } from './clients.ts';
import {
  eventually,
  get,
  inside,
  install,
  type Json,
  kubectl,
  note,
  openNamespace,
  portForward,
  ready,
  serverPods,
  swift,
  timed,
  type Values,
} from './cluster.ts';

let home: Awaited<ReturnType<typeof openNamespace>>;

beforeAll(async () => {
  home = await openNamespace('upgrade');
  await install(home.namespace, { ...inside, ...swift }, previousChart());
});

afterAll(() => home?.close());

const upgrade = (values: Values) => install(home.namespace, { ...inside, ...swift, ...values });
const podNames = async () =>
  (await serverPods(home.namespace)).map((pod: Json) => pod.metadata.name).sort();
const secretsOf = async () =>
  (await get(home.namespace, 'secrets', '-l', 'app.kubernetes.io/managed-by=Helm')).items.map(
    ({ metadata, data }: Json) => ({ name: metadata.name, data }),
  );

it('starts from the chart of the previous commit', async () => {
  const [secrets, volume] = [await secretsOf(), await volumeOf()];
  await timed('upgrade from the previous chart', () => upgrade({}));
  expect(await secretsOf()).toEqual(secrets);
  expect(await volumeOf()).toBe(volume);
});

it('restarts no pod for a value that no pod depends on', async () => {
  const before = await podNames();
  await upgrade({ networkPolicy: { operationsFrom: [] }, tests: { url: 'https://chat.example' } });
  expect(await podNames()).toEqual(before);
});

it('restarts every pod for a new configuration, and keeps the secrets', async () => {
  const [before, secrets] = [await podNames(), await secretsOf()];
  await timed('rollout of two pods', () => upgrade({ config: { LOG_LEVEL: 'debug' } }));
  const after = await podNames();
  expect(after.filter((name: string) => before.includes(name))).toEqual([]);
  expect(secrets).toHaveLength(2);
  expect(await secretsOf()).toEqual(secrets);
});

it('keeps the data of Redis across a restart and an upgrade', async () => {
  await say('before the restart');
  await kubectl('-n', home.namespace, 'delete', 'pod', 'mooring-redis-0');
  await ready(home.namespace);
  await say('between');
  await upgrade({ redis: { extraConfig: 'hz 20', cpu: '50m' } });
  expect(await say('after the upgrade')).toEqual([
    'before the restart',
    'between',
    'after the upgrade',
  ]);
});

/** The history of the room, with the new text last. */
async function say(text: string): Promise<string[]> {
  const tokenFor = await tokenMaker(home.namespace);
  const forward = await portForward(home.namespace, 'service/mooring', 80);
  const client = connect(forward.url, 'alice', tokenFor('alice'));
  try {
    await welcomed([client]);
    const { socket } = client;
    const { history } = await eventually(20, async () => {
      const joined = await socket.timeout(10_000).emitWithAck('join_room', 'pier');
      expect(joined).toMatchObject({ ok: true });
      return joined;
    });
    const message = { roomId: 'pier', text, id: text.replaceAll(' ', '-') };
    await eventually(20, async () => {
      const sent = await socket.timeout(10_000).emitWithAck('send_message', message);
      expect(sent).toMatchObject({ ok: true }); // `unavailable` until Redis is back
    });
    return [...history.map((one: { text: string }) => one.text), text];
  } finally {
    closeAll([client]);
    forward.close();
  }
}

const volumeOf = async () =>
  (await get(home.namespace, 'pvc', 'data-mooring-redis-0')).spec.volumeName;

/** The chart before the last commit that changed it; without history, the current one. */
function previousChart(): string | undefined {
  try {
    const log = ['log', '-2', '--format=%H', '--', 'charts/mooring'];
    const [, commit] = execFileSync('git', log, { encoding: 'utf8' }).split('\n');
    const folder = mkdtempSync(join(tmpdir(), 'mooring-chart-'));
    const archive = execFileSync('git', ['archive', `${commit}`, 'charts/mooring'], {
      maxBuffer: 2 ** 26,
    });
    execFileSync('tar', ['x', '-C', folder], { input: archive });
    note(`the previous chart is that of ${commit?.slice(0, 9)}`);
    return join(folder, 'charts/mooring');
  } catch {
    note('no history here: the previous chart is the present one');
    return undefined;
  }
}
