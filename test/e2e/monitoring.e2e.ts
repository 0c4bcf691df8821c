// What dashboards and alerts ask for, of the cluster's own Prometheus, after two minutes of load.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openPrometheus } from '../../monitoring/prometheus.ts';
import { trueAlerts, verifyExpressions } from '../../monitoring/verify.ts';
import { type Load, startLoad } from '../../service/cli/load/load.ts';
import { tokenMaker } from './clients.ts';
import {
  eventually,
  get,
  inside,
  install,
  type Json,
  note,
  openNamespace,
  portForward,
  serverPods,
  swift,
} from './cluster.ts';
import { has } from './gateway.ts';

/** A Service of a Prometheus that scrapes pods by their annotations: namespace/name. */
const [watching = '', service = ''] = (
  process.env.PROMETHEUS_SERVICE || 'monitoring/prometheus'
).split('/');
const what = `the Prometheus ${watching}/${service} (PROMETHEUS_SERVICE names another)`;
const hasPrometheus = await has(what, '-n', watching, 'service', service);

const loadMs = 120_000;
const replicas = 2;

describe.runIf(hasPrometheus)('a healthy install under load', () => {
  let home: Awaited<ReturnType<typeof openNamespace>>;
  let prometheus: Awaited<ReturnType<typeof portForward>>;
  const forwards: (typeof prometheus)[] = [];
  const loads: Load[] = [];

  beforeAll(async () => {
    home = await openNamespace('monitoring');
    const matchLabels = { 'kubernetes.io/metadata.name': watching };
    const networkPolicy = { operationsFrom: [{ namespaceSelector: { matchLabels } }] };
    await install(home.namespace, { ...inside, ...swift, replicas, networkPolicy });
    const [{ port }] = (await get(watching, 'service', service)).spec.ports;
    prometheus = await portForward(watching, `service/${service}`, port);
    const tokenFor = await tokenMaker(home.namespace);
    for (const { metadata } of await serverPods(home.namespace)) {
      const forward = await portForward(home.namespace, `pod/${metadata.name}`, 3000);
      forwards.push(forward);
      const size = { clients: 20, rooms: 4, rate: 5, transports: [['websocket']] };
      loads.push(await startLoad({ url: forward.url, tokenFor, ...size }));
    }
  });

  afterAll(async () => {
    await Promise.all(loads.map((load) => load.stop()));
    for (const forward of [...forwards, prometheus]) forward?.close();
    await home?.close();
  });

  it('is scraped, pod by pod', async () => {
    const names = (await serverPods(home.namespace)).map(({ metadata }: Json) => metadata.name);
    const query = `mooring_info{namespace="${home.namespace}"}`;
    await eventually(60, async () => {
      const samples = await openPrometheus(prometheus.url).now(query);
      expect(samples.map(({ labels }) => labels.replica).sort()).toEqual(names.sort());
    });
  });

  it('has data for every expression of panels and rules, and no alert is true', async () => {
    await sleep(loadMs);
    const { namespace } = home;
    const scope = { namespace, rulesLoaded: false };
    expect(await verifyExpressions(prometheus.url, '1m', scope)).toEqual([]);
    expect(await trueAlerts(prometheus.url, undefined, scope)).toEqual([]);
    const sent = loads.map(async (load) => (await load.report()).delivery.expected);
    const delivered = (await Promise.all(sent)).reduce((sum, count) => sum + count, 0);
    note(`every expression has data after ${delivered} deliveries in ${loadMs / 1000} s`);
  });
});
