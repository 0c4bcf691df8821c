// Alerts about where clients are, and how often they move: what is wrong with a fleet that serves.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Socket } from 'socket.io-client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { alerts } from '../../monitoring/alerts.ts';
import { openPrometheus } from '../../monitoring/prometheus.ts';
import { until } from '../harness/processes.ts';
import { watchAlerts } from './faults.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { startPrometheus } from './prometheus.ts';

const connectionsMax = 150;

let fleet: Fleet;
let prometheus: Awaited<ReturnType<typeof startPrometheus>>;
const { expectAlert, settled } = watchAlerts(() => prometheus.url);

beforeAll(async () => {
  fleet = await startFleet({ CONNECTIONS_MAX: `${connectionsMax}`, DRAIN_MS_MAX: '2000' });
  prometheus = await startPrometheus(fleet.targets);
});

afterAll(async () => {
  fleet?.stop();
  await prometheus?.stop();
});

const connected = (client: Socket) =>
  new Promise((resolve) => client.once('connect', resolve as () => void));

/** Until Prometheus has seen so many recoveries on each of the replicas as they are now. */
const scraped = (...recoveries: number[]) =>
  until(`${recoveries} recoveries are scraped`, async () => {
    const query = 'mooring_recoveries_total{result="recovered"}';
    const seen = await openPrometheus(prometheus.url).now(query);
    return fleet.targets.every(
      (target, i) => seen.find(({ labels }) => labels.instance === target)?.value === recoveries[i],
    );
  });

async function connect(replica: number, count: number): Promise<Socket[]> {
  const clients = Array.from({ length: count }, () => fleet.client(replica));
  await Promise.all(clients.map(connected));
  return clients;
}

describe('a fault', () => {
  it('of a release that is rolled out twice, so that clients move twice', async () => {
    const clients = [...(await connect(0, 15)), ...(await connect(1, 15))];
    for (const client of clients) client.io.reconnection(false); // they wait until it is scraped
    const roll = async () => {
      await Promise.all([0, 1].map((replica) => fleet.restart(replica, 'SIGTERM')));
      await scraped(0, 0, 0);
      await Promise.all(clients.map((client) => connected(client.connect())));
      expect(clients.filter(({ recovered }) => recovered)).toHaveLength(clients.length);
      await scraped(15, 15, 0);
    };
    await scraped(0, 0, 0);
    await roll(); // once is what it costs
    await expectAlert('MooringRolloutReconnects', roll);
    for (const client of clients) client.disconnect();
  });

  it('of clients that are all on one replica', async () => {
    await expectAlert('MooringPodsUnbalanced', async () => {
      await connect(0, 120);
      await Promise.all([connect(1, 4), connect(2, 4)]);
    });
  });

  it('of nearly as many clients as there may be', async () => {
    await expectAlert('MooringNearCapacity', () => Promise.all([connect(1, 130), connect(2, 130)]));
    await settled('MooringPodsUnbalanced');
  });
});

describe('a replica', () => {
  it('whose event loop is late', async () => {
    const busy = await startFleet({
      OVERLOAD_LAG_MS_MAX: '10',
      APPLICATION: 'test/harness/strain.ts',
    });
    const watching = await startPrometheus(busy.targets);
    const alerts = watchAlerts(() => watching.url);
    const client = busy.client(0);
    await connected(client);
    const block = (ms: number) => client.emitWithAck('block', ms);
    await alerts.expectAlert(
      'MooringPodOverloaded',
      () => block(100),
      () => block(0),
    );
    busy.stop();
    await watching.stop();
  });
});

describe('the alerts', () => {
  it('are each made true by a fault', () => {
    const tests = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.test.ts'));
    const texts = tests.map((name) => readFileSync(join(import.meta.dirname, name), 'utf8'));
    const faults = texts.filter((text) => text.includes('expectAlert(')).join();
    expect(alerts.filter(({ name }) => !faults.includes(`'${name}'`))).toEqual([]);
  });
});
