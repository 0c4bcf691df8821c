// What a process does with its peers' heartbeats, and without them.
import { expect, it, onTestFinished, vi } from 'vitest';
import { type Connection, closePaced } from '../../service/fleet/drain.ts';
import { joinFleet } from '../../service/fleet/membership.ts';
import type { RebalanceDecision } from '../../service/fleet/rebalance.ts';
import type { Fleet, Heartbeat } from '../../service/stores/fleet.ts';

const own: Heartbeat = {
  id: 'a',
  pod: 'a',
  upstream: 'a',
  release: '1',
  ready: true,
  readyMs: 60_000,
  draining: false,
  connections: 100,
  handshakes: 0,
};

it('a process goes on refusing while Redis is unavailable, but closes no connections', async () => {
  let unavailable = false;
  const fleet: Fleet = {
    async exchange(sent) {
      if (unavailable) throw new Error('Redis is unavailable');
      const other = { ...own, id: 'b', pod: 'b', upstream: 'b', connections: 0 };
      return [sent, other].map((heartbeat) => ({ ...heartbeat, generation: 1 }));
    },
    async leave() {},
  };
  const applied: RebalanceDecision[] = [];
  const membership = joinFleet({
    fleet,
    heartbeat: () => own,
    settings: { settleMs: 6_000, rebalance: true, yields: true },
    apply: (decision) => applied.push(decision),
    onError() {},
  });
  onTestFinished(membership.leave);
  await membership.tick();
  await membership.tick();
  expect(applied.at(-1)).toEqual({ refuse: 'shedding', close: 20 });
  unavailable = true;
  await membership.tick();
  await membership.tick();
  expect(applied.slice(-2)).toEqual(Array(2).fill({ refuse: 'shedding', close: 0 }));
});

it('a process that yields reads heartbeats several times as often as others', async () => {
  let generation = 2;
  const heartbeats = { yielding: 0, serving: 0 };
  const fleetOf = (name: keyof typeof heartbeats): Fleet => ({
    async exchange(sent) {
      heartbeats[name] += 1;
      const other = { ...own, id: 'b', pod: 'b', upstream: 'b', connections: 0 };
      return [
        { ...sent, generation: name === 'yielding' ? 1 : generation },
        { ...other, generation },
      ];
    },
    async leave() {},
  });
  const settings = { settleMs: 6_000, rebalance: false, yields: true };
  const onError = () => {};
  const join = (name: keyof typeof heartbeats) =>
    joinFleet({ fleet: fleetOf(name), heartbeat: () => own, settings, apply() {}, onError });
  const [membership, other] = [join('yielding'), join('serving')];
  onTestFinished(membership.leave);
  onTestFinished(other.leave);
  await vi.waitFor(() => expect(membership.decision().refuse).toBe('yielding'), 20_000);
  const before = { ...heartbeats };
  await vi.waitFor(() => expect(heartbeats.serving).toBe(before.serving + 2), 20_000);
  expect(heartbeats.yielding - before.yielding).toBeGreaterThan(3); // two at the usual rate
  generation = 1;
  await vi.waitFor(() => expect(membership.decision().refuse).toBeUndefined(), 20_000);
});

it('stops closing connections when the drain is no longer wanted', async () => {
  let closed = 0;
  const connections = Array.from(
    { length: 10 },
    (): Connection => ({
      readyState: 'open',
      transport: { name: 'websocket' },
      openedAt: 0,
      close: () => void closed++,
    }),
  );
  await closePaced(connections, 10, () => closed < 4);
  expect(closed).toBe(4);
});
