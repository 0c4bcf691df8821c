// The decisions of a process about its fleet, as tables.
import { describe, expect, it } from 'vitest';
import {
  createRebalance,
  eligiblePeersOf,
  refusalOf,
  type Situation,
} from '../../service/fleet/rebalance.ts';
import type { Replica } from '../../service/stores/fleet.ts';
import { replica } from '../harness/replica.ts';

const settings = { settleMs: 6_000, rebalance: true, yields: true };

describe('a handshake', () => {
  const calm: Situation = {
    phase: 'running',
    closing: false,
    full: false,
    overloaded: false,
    behind: false,
    elsewhere: true,
    rebalance: undefined,
    storm: false,
  };
  it.each<[string, Partial<Situation>, string | undefined]>([
    ['is taken', {}, undefined],
    ['waits for the start', { phase: 'starting', elsewhere: false }, 'starting'],
    ['goes elsewhere while draining', { phase: 'draining' }, 'draining'],
    [
      'is refused while draining, in memory',
      { phase: 'draining', elsewhere: undefined },
      'draining',
    ],
    ['is taken by the last one that drains', { phase: 'draining', elsewhere: false }, undefined],
    ['until it closes', { phase: 'draining', elsewhere: false, closing: true }, 'draining'],
    ['does not fit', { full: true, elsewhere: false }, 'over_capacity'],
    ['is overloaded', { overloaded: true, elsewhere: false }, 'overloaded'],
    ['goes to a replica that receives messages', { behind: true }, 'behind'],
    ['goes to a newer release', { rebalance: 'yielding' }, 'yielding'],
    ['goes where there is more room', { rebalance: 'shedding' }, 'shedding'],
    ['is taken when nobody else can', { rebalance: 'yielding', elsewhere: false }, undefined],
    ['goes elsewhere in a storm', { storm: true }, 'storm'],
    ['is taken in a storm when nobody else can', { storm: true, elsewhere: false }, undefined],
    ['is taken in a storm, alone', { storm: true, elsewhere: undefined }, undefined],
  ])('%s', (_, situation, reason) => {
    expect(refusalOf({ ...calm, ...situation })).toBe(reason);
  });
});

describe('a process yields', () => {
  const steer = (others: Partial<Replica>[], own: Partial<Replica> = {}, changed: object = {}) =>
    createRebalance({ ...settings, ...changed })(replica(own), others.map(replica), 0);
  const old = { connections: 100 };
  const fresh = { generation: 2, connections: 0 };
  it.each<[string, Partial<Replica>[], object]>([
    ['to nobody of its own generation', [old, old], { close: 0 }],
    ['not to a canary, which gets what proxies send it', [old, old, fresh], { close: 0 }],
    [
      'what a draining one closes to a newer one that replaces it',
      [old, { ...old, draining: true }, fresh],
      { refuse: 'yielding', close: 0 },
    ],
    [
      'not beyond the share of the newer one',
      [old, { ...old, draining: true }, { ...fresh, connections: 200 }],
      { close: 0 },
    ],
    ['not to one that proxies do not know yet', [old, { ...fresh, readyMs: 5_000 }], { close: 0 }],
    ['not to one that is not ready', [old, { ...fresh, ready: false }], { close: 0 }],
    ['not to one that drains', [old, { ...fresh, draining: true }], { close: 0 }],
    ['not to an older one', [{ ...old, generation: 0 }], { close: 0 }],
    [
      'all connections once the newer ones replace all',
      [old, fresh, fresh],
      { refuse: 'yielding', close: Infinity },
    ],
  ])('%s', (_, others, decision) => {
    expect(steer(others)).toEqual(decision);
  });

  it('to nobody if that is turned off', () => {
    expect(steer([old, fresh, fresh], {}, { yields: false })).toEqual({ close: 0 });
  });

  it.each<[string, Partial<Replica>[], boolean, number]>([
    ['all beside a canary', [old, old, fresh], true, 3],
    ['the newer ones that replace all', [old, fresh, fresh], true, 2],
    ['all if nobody yields', [old, fresh, fresh], false, 3],
  ])('while others can be sent clients: %s', (_, others, yields, eligible) => {
    const peers = others.map((one, i) => replica({ ...one, upstream: `upstream-${i}` }));
    const own = replica({ ...old, upstream: 'own' });
    expect(eligiblePeersOf(own, peers, { ...settings, yields })).toHaveLength(eligible);
  });
});

describe('after a scale-up', () => {
  /** Seconds of a fleet whose clients come back two seconds later to one that does not refuse. */
  function simulate(start: number[], seconds: number, readySeconds: number[] = []) {
    const counts = [...start];
    const deciders = counts.map(() => createRebalance(settings));
    const reconnecting: { due: number; count: number }[] = [];
    let moved = 0;
    for (let second = 0; second < seconds; second += 1) {
      const fleet = counts.map((connections, i) =>
        replica({ connections, readyMs: (second - (readySeconds[i] ?? -60)) * 1000 }),
      );
      const decisions = fleet.map((own, i) =>
        deciders[i]?.(
          own,
          fleet.filter((other) => other !== own),
          second * 1000,
        ),
      );
      decisions.forEach((decision, i) => {
        const count = Math.min(decision?.close ?? 0, counts[i] ?? 0);
        counts[i] = (counts[i] ?? 0) - count;
        moved += count;
        reconnecting.push({ due: second + 2, count });
      });
      const accepting = decisions.flatMap((decision, i) => (decision?.refuse ? [] : [i]));
      for (const { count } of reconnecting.filter(({ due }) => due === second)) {
        for (let n = 0; n < count; n += 1) {
          const target = accepting[(n + second) % accepting.length] ?? 0;
          counts[target] = (counts[target] ?? 0) + 1;
        }
      }
    }
    return { counts, moved };
  }

  it('spreads connections to within 15 % of the mean, moving each about once', () => {
    const { counts, moved } = simulate([200, 200, 0, 0], 60, [-60, -60, 0, 0]);
    for (const count of counts) expect(Math.abs(count - 100)).toBeLessThanOrEqual(15);
    expect(moved).toBeLessThanOrEqual(220);
  });

  it.each([
    ['an even fleet', [100, 104, 96, 100]],
    ['a single replica', [400]],
    ['a small fleet', [3, 1, 0]],
  ])('does not move connections in %s', (_, start) => {
    expect(simulate(start, 60).moved).toBe(0);
  });

  it('new clients are refused by a process that shed until it has less than its share', () => {
    const decide = createRebalance(settings);
    const steer = (own: number, others: number[], now: number) => {
      const fleet = others.map((connections) => replica({ connections }));
      return decide(replica({ connections: own }), fleet, now).refuse;
    };
    steer(30, [0, 0], 0);
    expect(steer(30, [0, 0], 1_000)).toBe('shedding');
    expect(steer(30, [29, 28], 2_000)).toBe('shedding');
    expect(steer(30, [45, 27], 3_000)).toBe(undefined);
  });

  it('no process refuses while clients arrive evenly, though each learns late', () => {
    const beatsMs = [0, 300, 600]; // each sends its heartbeat at its own time of the second
    const heartbeats = beatsMs.map(() => replica({ connections: 0 }));
    const deciders = beatsMs.map(() => createRebalance(settings));
    for (let now = 0; now < 10_000; now += 100) {
      const i = beatsMs.indexOf(now % 1_000);
      const own = heartbeats[i];
      if (!own) continue;
      own.connections = Math.floor(now / 30); // 100 a second in all
      const decision = deciders[i]?.(
        own,
        heartbeats.filter((other) => other !== own),
        now,
      );
      expect(decision).toEqual({ close: 0 });
    }
  });

  it('no client is moved during a rollout, and the next ones go where there is room', () => {
    const decide = createRebalance(settings);
    const own = replica({ generation: 2, connections: 100 });
    const empty = replica({ generation: 2, connections: 0 });
    const old = replica({ generation: 1, connections: 100 });
    decide(own, [empty, old], 0);
    expect(decide(own, [empty, old], 1_000)).toEqual({ refuse: 'shedding', close: 0 });
    const gone = { ...old, connections: 0 };
    expect(decide(own, [empty, gone], 2_000)).toEqual({ refuse: 'shedding', close: 20 });
  });

  it('moves nothing when rebalancing is off, or to a peer that is not settled', () => {
    const off = createRebalance({ ...settings, rebalance: false });
    expect(off(replica(), [replica({ connections: 0 })], 0)).toEqual({ close: 0 });
    const early = createRebalance(settings);
    const young = replica({ connections: 0, readyMs: 1_000 });
    expect(early(replica(), [young], 0)).toEqual({ close: 0 });
  });

  it('moves nothing back after a scale-down', () => {
    const up = simulate([200, 200, 0, 0], 40, [-60, -60, 0, 0]).counts;
    const [a = 0, b = 0, c = 0, d = 0] = up;
    const third = Math.ceil(d / 3); // the clients of the one that is gone spread by themselves
    expect(simulate([a + third, b + third, c + third], 60).moved).toBe(0);
  });
});
