// Rules and dashboards against a real Prometheus that scrapes three replicas under load: every
// expression has data, and a fault makes its alert true and wakes nobody for another reason.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { dashboards } from '../../monitoring/dashboards.ts';
import { openPrometheus } from '../../monitoring/prometheus.ts';
import { verifyExpressions } from '../../monitoring/verify.ts';
import { apiKey, tokenFor, until } from '../harness/processes.ts';
import { watchAlerts } from './faults.ts';
import { type Fleet, startFleet, startTalk } from './fleet.ts';
import { startPrometheus } from './prometheus.ts';

let fleet: Fleet;
let prometheus: Awaited<ReturnType<typeof startPrometheus>>;
let quiet: () => void;

beforeAll(async () => {
  fleet = await startFleet();
  prometheus = await startPrometheus(fleet.targets);
  quiet = await startTalk(fleet);
  await Promise.all(fleet.targets.map((_, replica) => scraped(replica)));
});

afterAll(async () => {
  quiet?.();
  fleet?.stop();
  await prometheus?.stop();
});

const returns = (query: string) =>
  until(query, async () => (await openPrometheus(prometheus.url).now(query)).length > 0);

/** Resolves when Prometheus has seen a replica as it is now. */
const scraped = (replica: number) => {
  const up = `up{instance="${fleet.targets[replica]}"}`;
  return returns(`timestamp(${up} == 1) > ${Date.now() / 1_000}`);
};

/** Resolves when a replica did not answer Prometheus several times. */
const missed = (replica: number) => {
  const up = `up{instance="${fleet.targets[replica]}"}`;
  return returns(`count_over_time((${up} == 0)[1m:1s]) > 3`);
};

const { nowTrue, expectAlert, settled } = watchAlerts(() => prometheus.url);

describe('a fleet under load', () => {
  it('has data for every expression, and no alert', async () => {
    let problems: string[] = ['not looked yet'];
    const complete = async () => {
      problems = await verifyExpressions(prometheus.url, '5s');
      return problems.length === 0;
    };
    await until('all have data', complete).catch(() => expect(problems).toEqual([]));
    await vi.waitFor(async () => expect(await nowTrue()).toEqual([]), 60_000);
  });

  it('has every replica under its name, with its clients', async () => {
    const query = 'mooring_clients * on (job, instance) group_left (replica) mooring_info';
    const samples = await openPrometheus(prometheus.url).now(query);
    const byReplica = samples.map(({ labels, value }) => [labels.replica, value]);
    expect(byReplica.sort()).toEqual([
      ['a', 4],
      ['b', 4],
      ['c', 4],
    ]);
  });
});

describe('make dashboards', () => {
  it('draws every panel, into one page and a picture of it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'mooring-picture-'));
    const output = join(folder, 'dashboards');
    const args = ['monitoring/picture/main.ts', '--minutes', '1', '--output', output];
    execFileSync(process.execPath, [...args, prometheus.url]);
    const page = readFileSync(`${output}.html`, 'utf8');
    const panels = dashboards.flatMap(({ rows }) => rows.flatMap(({ panels }) => panels));
    for (const { title } of panels) expect(page).toContain(JSON.stringify(title));
    const picture = readFileSync(`${output}.png`);
    expect(picture.readUInt32BE(20)).toBeGreaterThan(3_000); // pixels from top to bottom
    rmSync(folder, { recursive: true });
  });
});

describe('a fault', () => {
  it('of Redis that is gone', async () => {
    await expectAlert('MooringRedisUnavailable', fleet.redis.kill, fleet.redis.start);
    await settled('MooringRedisUnavailable');
  });

  it('of a replica that alone is cut off from Redis', async () => {
    await settled('MooringPodBehind'); // of the outage before
    await expectAlert('MooringPodBehind', fleet.relay.cut, fleet.relay.mend);
    await settled('MooringPodBehind');
  });

  it('of a load balancer without affinity', async () => {
    const poll = '/socket.io/?EIO=4&transport=polling&sid=of-another-replica';
    await expectAlert('MooringUnknownSessions', () =>
      Promise.all(
        Array.from({ length: 60 }, async (_, i) => {
          const { url } = fleet.services[i % 3] as Fleet['services'][0];
          expect((await fetch(url + poll)).status).toBe(400);
        }),
      ),
    );
  });

  it('of clients whose tokens are refused', async () => {
    await expectAlert('MooringConnectsRefused', () => {
      for (let i = 0; i < 60; i += 1) fleet.client(i % 3, { token: 'none' });
    });
  });

  it('of sessions that Redis does not know', async () => {
    await expectAlert('MooringRecoveryFailing', () => {
      for (let i = 0; i < 30; i += 1) {
        const auth = { token: tokenFor(`late-${i}`), pid: `${i}`, offset: '0'.repeat(16) };
        fleet.client(i % 3, auth);
      }
    });
  });

  it('of clients that send malformed requests', async () => {
    const client = fleet.client(0);
    await expectAlert('MooringRequestsRefused', () => {
      for (let i = 0; i < 300; i += 1) client.emit('join_room', { no: 'name' });
    });
  });

  it('of clients that do not read', async () => {
    const slow = await Promise.all(
      Array.from({ length: 15 }, async (_, i) => {
        const client = fleet.client(i % 3, { token: tokenFor('slow') });
        await new Promise((resolve) => client.once('connect', resolve as () => void));
        return client;
      }),
    );
    await expectAlert('MooringSlowConsumers', async () => {
      for (const client of slow) Reflect.get(client.io.engine.transport, 'ws')._socket.pause();
      const { operationsUrl } = fleet.services[0] as Fleet['services'][0];
      const body = JSON.stringify({ users: ['slow'], event: 'x', data: 'x'.repeat(900_000) });
      const headers = { Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json' };
      // The system, too, holds megabytes for who does not read.
      for (let i = 0; i < 40 && !(await nowTrue()).includes('MooringSlowConsumers'); i += 1) {
        await fetch(`${operationsUrl}/v1/publish`, { method: 'POST', headers, body });
      }
    });
    for (const client of slow) client.disconnect();
  });

  it('of a replica that restarts again and again', async () => {
    await expectAlert('MooringPodRestarts', async () => {
      await fleet.restart(2);
      await scraped(2);
      await fleet.restart(2);
    });
  });

  it('of a replica that is frozen, and late when it goes on', async () => {
    await settled('MooringPodSilent'); // of the restarts before
    await settled('MooringDeliveryDelayed'); // not while the replica is frozen
    const [{ child }] = fleet.services as [Fleet['services'][0]];
    await expectAlert(
      'MooringPodSilent',
      () => child.kill('SIGSTOP'),
      () => missed(0),
    );
    await expectAlert('MooringDeliveryDelayed', () => child.kill('SIGCONT'));
  });

  it('of a Redis that is full', async () => {
    const { createClient } = await import('@redis/client');
    const redis = await createClient({ url: fleet.redis.url })
      .on('error', () => {})
      .connect();
    await expectAlert('MooringProbeFailing', () => redis.configSet('maxmemory', '1mb'));
    const isKnown = async () => (await nowTrue()).includes('MooringRedisMemoryHigh');
    await until('that it is full is known', isKnown);
    await redis.configSet('maxmemory', '0');
    redis.destroy();
  });

  it('of all replicas gone', async () => {
    await expectAlert('MooringNoReadyPod', () => {
      for (const { child } of fleet.services) child.kill('SIGKILL');
    });
  });

  it('is described without a mistake in the templates', async () => {
    const firing = await openPrometheus(prometheus.url).now('ALERTS');
    expect(firing.length).toBeGreaterThan(3);
    const response = await fetch(`${prometheus.url}/api/v1/alerts`);
    const { data } = (await response.json()) as { data: { alerts: object[] } };
    expect(JSON.stringify(data.alerts)).not.toMatch(/<error|<no value>|%!/i);
  });
});
