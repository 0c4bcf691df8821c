// Measures the table of docs/operations/rollouts.md on a cluster: clients through Envoy Gateway
// while their pods are replaced, added, removed and killed. By default a few rows; ROLLOUTS=.
// measures all, ROLLOUTS='scale|drain' those whose name matches. CLIENTS=300, ROLLOUTS_JSON=file.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Load, type LoadReport, startLoad } from '../../service/cli/load/load.ts';
import { row, summarize, tableHead } from '../../service/cli/load/summary.ts';
import { tokenMaker } from './clients.ts';
import { inside, install, note, openNamespace, serverPods } from './cluster.ts';
import { behindGateway, directly, hasGateway, leads, openGateway } from './gateway.ts';
import { openNode } from './processes.ts';
import { type Place, type Scene, scenes } from './rollouts.ts';

const { ROLLOUTS = '', ROLLOUTS_JSON, CLIENTS = '300' } = process.env;
const drainSeconds = 12; // the chart's default, which the targets assume
const lateMsMax = 100;
const slack = 1.5; // on times: a test shares its machine
const chosen = scenes.filter(({ name, always }) =>
  ROLLOUTS ? new RegExp(ROLLOUTS).test(name) : always,
);
const rows: [string, LoadReport][] = [];

describe.runIf(await hasGateway())('clients', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;
  let gateway: Awaited<ReturnType<typeof openGateway>>;
  let node: Awaited<ReturnType<typeof openNode>> | undefined;
  let place: Place;

  beforeAll(async () => {
    home = await openNamespace('rollout');
    gateway = await openGateway(home.namespace);
    const base = { ...inside, ...behindGateway, podLabels: { 'e2e-rollout': home.namespace } };
    const set = async (values: object = {}) => {
      await install(home.namespace, { ...base, replicas: 3, ...values });
      return undefined;
    };
    await set();
    const url = await directly(gateway);
    await leads(url);
    if (chosen.some(({ signals }) => signals)) node = await openNode(home.namespace);
    place = { namespace: home.namespace, url, set, signal: (...args) => node?.signal(...args) };
  });

  afterAll(async () => {
    await node?.close();
    gateway?.close();
    await home?.close();
    process.stdout.write(tableHead + rows.map((args) => row(...args)).join(''));
    if (ROLLOUTS_JSON) writeFileSync(ROLLOUTS_JSON, JSON.stringify(rows, null, 1));
  });

  it.each(chosen)('$name', async (scene) => {
    await scene.before?.(place);
    const load = await start(place, scene);
    try {
      await sleep((scene.oldSeconds ?? 3) * 1_000); // for the last upgrades to a WebSocket
      const before = load.records().map(({ pod }) => pod);
      load.mark();
      const startedAt = Date.now();
      const gone = await scene.event(place, load);
      await sleep((scene.seconds ?? 8) * 1_000);
      const pods = (await serverPods(place.namespace)).map(({ metadata }) => metadata.name);
      const report = await load.report({ pods });
      rows.push([scene.name, report]);
      note(summarize(report));
      judge(scene, report);
      if (gone) judgeThose(scene, report, startedAt, (i) => gone.includes(before[i] ?? ''));
    } finally {
      await load.stop();
      await scene.after?.(place);
    }
  });
});

async function start({ namespace, url }: Place, scene: Scene): Promise<Load> {
  const tokenFor = await tokenMaker(namespace);
  return startLoad({
    url,
    clients: Math.min(Number(CLIENTS), scene.clientsMax ?? Infinity),
    rooms: 10,
    rate: 10,
    transports: [scene.transports ?? ['polling', 'websocket']],
    tokenFor,
    connectsPerSecond: 50,
  });
}

/** Clients of removed pods reconnect; some of the others may move to the replacement. */
function judgeThose(
  { targets }: Scene,
  { perClient }: LoadReport,
  startedAt: number,
  isThere: (client: number) => boolean,
) {
  const those = perClient.filter(({ client }) => isThere(client));
  const others = perClient.filter(({ client }) => !isThere(client));
  const moved = others.filter(({ disconnects }) => disconnects.length > 0).length;
  const times = those.flatMap(({ returns }) => returns.map(({ at }) => at - startedAt));
  const lastMs = Math.max(0, ...times);
  note(
    `${those.length} there, back within ${(lastMs / 1000).toFixed(1)} s; others moved: ${moved}`,
  );
  if (!targets.replaced) expect(moved).toBe(0);
  if (targets.backMsMax) expect(lastMs).toBeLessThanOrEqual(targets.backMsMax);
}

function judge({ targets }: Scene, report: LoadReport) {
  const { delivery, reconnects, clients, returns, recovered, notConnected } = report;
  const { lost, duplicated, reordered } = delivery;
  expect({ lost, duplicated, reordered, notConnected }).toEqual({
    lost: 0,
    duplicated: 0,
    reordered: 0,
    notConnected: 0,
  });
  expect(recovered).toBe(returns);
  expect(Math.max(...Object.keys(reconnects).map(Number))).toBeLessThanOrEqual(
    targets.reconnectsMax,
  );
  if (targets.onceShare) {
    expect((reconnects[1] ?? 0) / clients).toBeGreaterThanOrEqual(targets.onceShare);
  }
  if (targets.offPercentMax) {
    expect(report.spread.offPercent).toBeLessThanOrEqual(targets.offPercentMax);
  }
  if (report.lateMs.p99 > lateMsMax) return note('too busy a machine to judge times');
  expect(report.reconnectMs.p99).toBeLessThanOrEqual((targets.reconnectMsMax ?? 0) * slack);
  if (targets.paced) {
    const perSecond = (3 * clients) / drainSeconds;
    expect(report.disconnects.peakPerSecond).toBeLessThanOrEqual(perSecond * slack);
  }
}
