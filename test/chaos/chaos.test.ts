// A short run of the chaos harness: seeds that once failed, and one round of every cause.
import { expect, it } from 'vitest';
import { isClean, runRounds } from './rounds.ts';
import { runSeeds } from './seeds.ts';

const lines: string[] = [];
const print = (line: string) => void lines.push(line);

it('clients receive exactly what the model allows under random faults', async () => {
  const { failed, received, recovered, reads, told } = await runSeeds({
    seeds: [2, 3, 4, 5],
    seconds: 6,
    parallel: 2,
    print,
  });
  expect(failed, lines.join('\n')).toEqual([]);
  expect(received).toBeGreaterThan(300);
  expect(recovered).toBeGreaterThan(10);
  expect(reads).toBeGreaterThan(10);
  expect(told).toBeGreaterThan(30);
}, 300_000);

it('all clients of a replica recover from every cause in turn', async () => {
  const sums = await runRounds({ rounds: 1, clients: 20, only: ['all in turn'], print });
  const stats = sums.get('all in turn');
  expect(stats && isClean(stats), lines.join('\n')).toBe(true);
  expect(stats?.reconnects).toBeGreaterThanOrEqual(20 * 4 + 10); // all but Redis
}, 300_000);
