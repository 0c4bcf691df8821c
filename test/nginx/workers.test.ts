// Replicas that are a primary with two workers each (WORKERS=2), behind nginx.
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { childrenOf } from '../harness/processes.ts';
import { connected, type ScratchFleet, startScratchFleet } from '../harness/scratch-fleet.ts';

const replaceMsMax = 20_000;
let fleet: ScratchFleet;
beforeAll(async () => {
  fleet = await startScratchFleet({ WORKERS: '2' });
});
afterEach(() => fleet?.disconnectAll());
afterAll(() => fleet?.close());

/** Asks /readyz forty times a second; returns the statuses it saw. */
function watchReadiness(operations: string) {
  const answers: Promise<number>[] = [];
  const ask = () => void answers.push(fetch(`${operations}/readyz`).then(({ status }) => status));
  const watching = setInterval(ask, 25);
  return async () => {
    clearInterval(watching);
    return [...new Set(await Promise.all(answers))];
  };
}

test('20 of 20 clients with default transports connect and upgrade', async () => {
  const numbers = Array.from({ length: 20 }, (_, number) => (number % 3) as 0 | 1 | 2);
  const sockets = await Promise.all(
    numbers.map(async (home) => connected(await fleet.client({ home }))),
  );
  await vi.waitFor(() => {
    const transports = sockets.map(({ io }) => io.engine.transport.name);
    expect(transports).toEqual(Array(20).fill('websocket'));
  }, 20_000);
});

test.each(['SIGKILL', 'SIGSTOP'] as const)(
  'a worker that got %s is replaced while the replica stays ready',
  async (signal) => {
    const [replica] = fleet.replicas;
    const before = childrenOf(replica.pid);
    expect(before).toHaveLength(2);
    const [victim, other] = before as [number, number];
    const finish = watchReadiness(replica.operations);

    process.kill(victim, signal);
    await vi.waitFor(
      () => {
        const now = childrenOf(replica.pid);
        expect(now).not.toContain(victim);
        expect(now).toContain(other);
        expect(now).toHaveLength(2);
      },
      { timeout: replaceMsMax, interval: 50 },
    );
    await vi.waitFor(
      async () => {
        for (const transports of [['polling'], ['websocket']]) {
          await connected(await fleet.client({ home: 0, transports }));
        }
      },
      { timeout: replaceMsMax, interval: 50 },
    );
    expect(await finish()).toEqual([200]);
  },
);
