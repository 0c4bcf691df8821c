// The autoscaler is switched on, off and on again under load, by Helm and by kubectl.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Load, startLoad } from '../../service/cli/load/load.ts';
import { summarize } from '../../service/cli/load/summary.ts';
import { findHelm, findKubectl } from '../../tools/helm.ts';
import { tokenMaker } from './clients.ts';
import {
  chart,
  get,
  imageValues,
  install,
  kubectl,
  note,
  openNamespace,
  ready,
  run,
  swift,
  type Values,
  withoutVolume,
} from './cluster.ts';
import { behindGateway, directly, hasGateway, leads, openGateway } from './gateway.ts';

const clients = Number(process.env.CLIENTS ?? 100);
const pods = 4;
const on = { autoscaling: { min: pods } };
const off = { autoscaling: { mode: 'none' } };

/** The fewest pods that the Deployment asks for until the returned function is called. */
function watchReplicas(namespace: string): () => Promise<number> {
  const numbers: number[] = [];
  let watching = true;
  const read = async () => {
    while (watching) {
      numbers.push((await get(namespace, 'deployment', 'mooring')).spec.replicas);
      await sleep(200);
    }
  };
  const done = read();
  return async () => {
    watching = false;
    await done;
    return Math.min(...numbers);
  };
}

/** Resolves when the new autoscaler has read its metrics and set the number of pods. */
const decided = (namespace: string) =>
  kubectl(
    ...['-n', namespace, 'wait', 'hpa/mooring'],
    ...['--for=condition=ScalingActive', '--timeout=120s'],
  );

describe.runIf(await hasGateway())('switching the autoscaler under load', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;
  let gateway: Awaited<ReturnType<typeof openGateway>>;
  let load: Load;
  const set = (values: Values) =>
    install(home.namespace, { ...withoutVolume, ...behindGateway, ...swift, ...values });

  beforeAll(async () => {
    home = await openNamespace('switch');
    gateway = await openGateway(home.namespace);
    await set({ ...off, replicas: pods });
    const url = await directly(gateway);
    await leads(url);
    const tokenFor = await tokenMaker(home.namespace);
    const size = { clients, rooms: 5, rate: 5, connectsPerSecond: 25 };
    load = await startLoad({ url, ...size, transports: [['websocket']], tokenFor });
  });

  afterAll(async () => {
    await load?.stop();
    gateway?.close();
    await home?.close();
  });

  it.each([
    ['on', on],
    ['off', off],
    ['on again', on],
  ])('%s keeps every pod and every connection', async (name, values) => {
    load.mark();
    const leastUntilNow = watchReplicas(home.namespace);
    await set(values);
    if (values === on) await decided(home.namespace);
    const least = await leastUntilNow();
    const report = await load.report();
    note(`${name}: at least ${least} pods; ${summarize(report)}`);
    expect(least).toBeGreaterThanOrEqual(pods);
    const { delivery, notConnected } = report;
    const { lost, duplicated } = delivery;
    const none = { lost: 0, duplicated: 0, notConnected: 0 };
    expect({ lost, duplicated, notConnected }).toEqual(none);
    expect(Math.max(0, ...Object.keys(report.reconnects).map(Number))).toBeLessThanOrEqual(1);
  });
});

describe('what kubectl has applied', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;

  beforeAll(async () => {
    home = await openNamespace('apply');
  });

  afterAll(() => home?.close());

  it('gets an autoscaler without losing a pod, as the docs say', async () => {
    const { namespace } = home;
    await createSecret(namespace, 'chat-auth', { 'jwt-secret': 'x'.repeat(48) });
    await createSecret(namespace, 'chat-redis', { 'redis-password': 'password' });
    const redis = { ...(withoutVolume.redis as Values), existingSecret: 'chat-redis' };
    const values = { ...withoutVolume, ...swift, auth: { existingSecret: 'chat-auth' }, redis };
    await applyChart(namespace, { ...values, ...off, replicas: 3 });
    await ready(namespace);

    const lastApplied = ['apply', 'view-last-applied', 'deployment/mooring', '-o', 'yaml'];
    const text = await kubectl('-n', namespace, ...lastApplied);
    const without = text.replace(/^ {2}replicas: 3\n/m, '');
    expect(without).not.toBe(text);
    await run(findKubectl(), ['-n', namespace, 'apply', 'set-last-applied', '-f', '-'], without);

    const leastUntilNow = watchReplicas(namespace);
    await applyChart(namespace, { ...values, autoscaling: { min: 3 } });
    await ready(namespace);
    expect(await leastUntilNow()).toBe(3);
  });
});

async function applyChart(namespace: string, values: Values) {
  const args = ['template', 'mooring', chart, '-n', namespace, '--skip-tests', '-f', '-'];
  const text = await run(findHelm(), args, stringify({ ...imageValues(), ...values }));
  await run(findKubectl(), ['-n', namespace, 'apply', '-f', '-'], text);
}

async function createSecret(namespace: string, name: string, data: Record<string, string>) {
  const pairs = Object.entries(data).map(([key, value]) => `--from-literal=${key}=${value}`);
  await kubectl('-n', namespace, 'create', 'secret', 'generic', name, ...pairs);
}
