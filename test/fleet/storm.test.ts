// Handshakes above the limit go to peers while those have room, and are never refused everywhere.
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { eligiblePeersOf } from '../../service/fleet/rebalance.ts';
import { createStorm, exceedsLimit } from '../../service/fleet/storm.ts';
import type { Replica } from '../../service/stores/fleet.ts';
import { get } from '../harness/backend.ts';
import { startRedis } from '../harness/redis.ts';
import { replica } from '../harness/replica.ts';
import { samples, startApp, until, untilReady } from '../harness/service.ts';

describe('a handshake in a storm, with 100 per second for each', () => {
  it.each<[string, number, number[], boolean]>([
    ['is taken up to the limit', 100, [0, 0], false],
    ['goes to one that has room', 101, [0], true],
    ['goes on as long as there is room', 200, [0], true],
    ['is taken when that is used up', 201, [0], false],
    ['goes to whatever room there is', 150, [100, 40, 100], false],
    ['of which others that have none take their part', 120, [100, 40, 100], true],
    ['is taken when all are in it', 5_000, [100, 3_000], false],
    ['is taken by one that is alone', 5_000, [], false],
  ])('%s', (_, handshakes, others, refused) => {
    const eligible = others.map((count) => replica({ handshakes: count }));
    expect(exceedsLimit(handshakes, 100, eligible)).toBe(refused);
  });
});

describe('eligible peers', () => {
  const old = { pod: 'old' };
  const fresh = { pod: 'new', generation: 2 };
  it.each<[string, Partial<Replica>, Partial<Replica>[], string[]]>([
    ['are the others', old, [old, old], ['old', 'old']],
    ['are those that proxies know', old, [old, { ...old, readyMs: 1_000 }], ['old']],
    ['are all, beside a canary', old, [old, fresh], ['old', 'new']],
    ['are the newer ones, to one that they replace', old, [fresh], ['new']],
    ['are not the old ones, which yield to a new one', fresh, [old, old, fresh], ['new']],
    [
      'are the old ones as long as no proxy knows a new one',
      { ...fresh, readyMs: 0 },
      [old],
      ['old'],
    ],
    [
      'are the old ones again when the new one drains',
      { ...fresh, draining: true },
      [old],
      ['old'],
    ],
    ['are nobody, alone', old, [], []],
    ['are not of its own pod', { ...old, upstream: 'pod' }, [{ ...old, upstream: 'pod' }], []],
  ])('%s', (_, own, others, pods) => {
    const settings = { settleMs: 6_000, yields: true };
    const eligible = eligiblePeersOf(replica(own), others.map(replica), settings);
    expect(eligible.map(({ pod }) => pod)).toEqual(pods);
  });
});

describe('a fleet in a storm', () => {
  beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }));
  afterEach(() => void vi.useRealTimers());

  /**
   * A second of handshakes, each offered to one process after the other, as a proxy does. What a
   * process hears when it passes its limit comes 10 handshakes late, all else at the start.
   */
  function simulate(offers: number[][], handshakesMax: number) {
    const processes = [0, 1, 2].map((number) => {
      const peers = { at: 0, eligible: [] as Replica[] };
      const storm = createStorm(handshakesMax, () => {
        late.push({ due: 10, refresh: () => refresh(number) });
      });
      return { peers, storm };
    });
    const late: { due: number; refresh: () => void }[] = [];
    const refresh = (own: number) => {
      const others = processes.filter((_, number) => number !== own);
      const eligible = others.map(({ storm }) => replica({ handshakes: storm.perSecond() }));
      Object.assign(processes[own]?.peers as object, { at: performance.now(), eligible });
    };
    const taken = [0, 0, 0];
    let nowhere = 0;
    for (const offer of offers) {
      const accepting = offer.find((number) => {
        const { storm, peers } = processes[number] as (typeof processes)[number];
        return !storm.exceeds(peers);
      });
      if (accepting === undefined) nowhere += 1;
      else taken[accepting] = (taken[accepting] ?? 0) + 1;
      for (const one of late) one.due -= 1;
      for (const one of late.filter(({ due }) => due === 0)) one.refresh();
    }
    return { taken, nowhere };
  }

  it('that comes to all at once sends nobody away', () => {
    const offers = Array.from({ length: 3_000 }, (_, n) => [n % 3, (n + 1) % 3, (n + 2) % 3]);
    const { taken, nowhere } = simulate(offers, 100);
    expect(nowhere).toBe(0);
    for (const count of taken) expect(count).toBeGreaterThan(900);
  });

  it('that comes to one of three goes to the others as far as they have room', () => {
    const { taken, nowhere } = simulate(Array(250).fill([0, 1, 2]), 100);
    expect(nowhere).toBe(0);
    expect(taken[0]).toBeLessThanOrEqual(110);
    const more = simulate(Array(1_000).fill([0, 1, 2]), 100);
    expect(more.nowhere).toBe(0);
    expect(Math.min(...more.taken)).toBeGreaterThanOrEqual(30);
  });
});

describe('two processes in a storm', () => {
  async function startTwo() {
    const { url: REDIS_URL } = await startRedis();
    const env = { REDIS_URL, SETTLE_MS: '0', HANDSHAKES_PER_SECOND_MAX: '20' };
    const services = await Promise.all([startApp(env), startApp(env)]);
    await Promise.all(services.map(({ operationsUrl }) => untilReady(operationsUrl)));
    await until('they know each other', async () => {
      const fleets = await Promise.all(services.map((one) => get(one.operationsUrl, 'pods')));
      return fleets.every(({ body }) => body.pods?.[0]?.processesReady === 2);
    });
    return services;
  }

  /** Offered to one after the other, as a proxy does: the status of the last answer. */
  async function offer(homes: { url: string }[]) {
    let status = 0;
    for (const { url } of homes) {
      ({ status } = await fetch(`${url}/socket.io/?EIO=4&transport=polling`));
      if (status === 200) break;
    }
    return status;
  }

  it('send clients to each other, and nobody away', async () => {
    const [first, second] = await startTwo();
    const burst = Array.from({ length: 60 }, () => offer([first, second]));
    expect(await Promise.all(burst)).toEqual(Array(60).fill(200));
    const refusals = await samples(first.operationsUrl, 'refusals_total');
    expect(refusals['code="storm"']).toBeGreaterThan(0);
  });

  it('take everybody when both are in it', async () => {
    const [first, second] = await startTwo();
    const crowd = Array.from({ length: 20 }, async (_, n) => {
      const homes = n % 2 ? [first, second] : [second, first];
      for (let turn = 0; turn < 20; turn += 1) expect(await offer(homes)).toBe(200);
    });
    await Promise.all(crowd);
  });
});
