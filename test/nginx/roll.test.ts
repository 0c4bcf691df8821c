// A rollout as clients see it: through nginx, with a steady stream of messages.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { rollFleet } from '../../ingress/nginx/fleet/roll.ts';
import { newRelease } from '../../ingress/nginx/fleet/start.ts';
import { mintToken } from '../../service/auth/tokens.ts';
import { startLoad } from '../../service/cli/load/load.ts';
import { summarize } from '../../service/cli/load/summary.ts';
import { listRunning } from '../../tools/processes.ts';
import { childrenOf, until } from '../harness/processes.ts';
import { type ScratchFleet, startScratchFleet } from '../harness/scratch-fleet.ts';

let fleet: ScratchFleet;
beforeAll(async () => {
  fleet = await startScratchFleet({ LOG_LEVEL: 'info' });
});
afterAll(() => fleet?.close());

const names = () => listRunning(fleet.stateFolder).map(({ name }) => name);
const nginxWorkers = () =>
  childrenOf(listRunning(fleet.stateFolder).find(({ name }) => name === 'nginx')?.pid);

test('a rollout that fails before the reload of nginx changes nothing', async () => {
  const { stateFolder } = fleet;
  const before = names();
  const roll = { stateFolder, release: newRelease(), environment: { WORKERS: 'many' } };
  await expect(rollFleet(roll)).rejects.toThrow(/mooring-\d exited \(code 1\).*WORKERS must be/s);
  expect(names()).toEqual(before);
  expect(await (await fetch(`${fleet.address}/page.json`)).json()).toMatchObject({ tokens: [] });
});

test('every client reconnects once, is recovered, and misses nothing', async () => {
  const { address: url, stateFolder, jwtSecret } = fleet;
  const load = await startLoad({
    url,
    clients: 60,
    rooms: 6,
    rate: 10,
    transports: [['polling', 'websocket'], ['websocket'], ['polling']],
    tokenFor: (user) => mintToken(jwtSecret, { sub: user }, 600),
    forwardedFor: true,
  });
  load.mark();
  const before = load.records().map(({ pod }) => pod);
  const workers = nginxWorkers();
  const { serving } = await rollFleet({ stateFolder, release: newRelease() });
  const report = await load.report();
  await load.stop();

  expect(new Set(before)).toEqual(new Set(['mooring-1', 'mooring-2', 'mooring-3']));
  expect(report, summarize(report)).toMatchObject({
    notConnected: 0,
    reconnects: { 1: 60 },
    returns: 60,
    recovered: 60,
    delivery: { lost: 0, duplicated: 0, reordered: 0 },
    connectErrors: {},
  });
  // bench/rollouts.ts measures the time to reconnect; here: nobody waits for a timeout.
  expect(report.disconnects.reasons).toEqual({ 'transport close': 60 });
  expect(Object.keys(report.spread.pods).sort()).toEqual(['mooring-4', 'mooring-5', 'mooring-6']);
  expect(serving.map(({ number }) => number)).toEqual([4, 5, 6]);
  expect(names().sort()).toEqual(['mooring-4', 'mooring-5', 'mooring-6', 'nginx', 'redis']);
  // The reload left the WebSockets in the old workers of nginx; the rollout took all of them out.
  await until('the old workers of nginx end', () =>
    workers.every((worker) => !nginxWorkers().includes(worker)),
  );
  // The old release moved its clients by itself, before it was stopped.
  const logs = [1, 2, 3].map((number) => join(stateFolder, 'logs', `mooring-${number}.log`));
  for (const log of logs) {
    expect(readFileSync(log, 'utf8')).toMatch(/yielding to a newer release.*"connections":0/s);
  }
});
