// Which release is the newest, while pods of several releases start and stop.
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../service/config/schema.ts';
import type { Heartbeat } from '../../service/stores/fleet.ts';
import { openRedis, redisClient } from '../../service/stores/redis/connection.ts';
import { createRedisFleet, fleetNeeds } from '../../service/stores/redis/fleet.ts';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { startRedis } from '../harness/redis.ts';
import { secret } from '../harness/service.ts';

const ignore = () => {};

async function startFleet() {
  const { url } = await startRedis();
  const client = redisClient([url], parseConfig({ JWT_SECRET: secret }));
  const redis = openRedis(client, 'mooring', [fleetNeeds], createMetrics(), ignore, ignore);
  await redis.ready();
  onTestFinished(redis.close);
  let started = 0;

  /** A process of a pod, and the generation of each release that it sees. */
  return async (release: string, pod: string) => {
    const fleet = createRedisFleet(redis, () => {});
    started += 1;
    const id = `process-${started}`;
    const said: Heartbeat = {
      ...{ id, upstream: id, pod, release, ready: true, readyMs: 60_000 },
      ...{ draining: false, connections: 0, handshakes: 0 },
    };
    const sees = async (changes: Partial<Heartbeat> = {}) => {
      const replicas = await fleet.exchange(Object.assign(said, changes));
      return Object.fromEntries(replicas.map((one) => [one.release, one.generation]));
    };
    await sees();
    return { sees, end: () => fleet.leave(said.id) };
  };
}

describe('the newest release', () => {
  it('is the one that came last', async () => {
    const start = await startFleet();
    await start('a', 'a-1');
    const second = await start('b', 'b-1');
    await start('b', 'b-2');
    expect(await second.sees()).toEqual({ a: 1, b: 2 });
  });

  it('stays when a pod of an old one restarts', async () => {
    const start = await startFleet();
    const first = await start('a', 'a-1');
    const second = await start('b', 'b-1');
    await first.end();
    await start('a', 'a-1');
    expect(await second.sees()).toEqual({ a: 1, b: 2 });
  });

  it('stays when a pod of an old one is replaced or added meanwhile', async () => {
    const start = await startFleet();
    await start('a', 'a-1');
    const second = await start('a', 'a-2');
    const third = await start('b', 'b-1');
    await second.sees({ draining: true });
    await start('a', 'a-3');
    expect(await third.sees()).toEqual({ a: 1, b: 2 });
  });

  it('is the old one again after a rollback', async () => {
    const start = await startFleet();
    const first = await start('a', 'a-1');
    const second = await start('b', 'b-1');
    await first.end();
    await start('a', 'a-2');
    expect(await second.sees()).toEqual({ a: 3, b: 2 });
  });

  it('is the old one again after a rollback midway', async () => {
    const start = await startFleet();
    await start('a', 'a-1');
    const second = await start('b', 'b-1');
    const third = await start('b', 'b-2');
    await second.sees({ draining: true });
    await start('a', 'a-2');
    expect(await third.sees()).toEqual({ a: 3, b: 2 });
  });
});
