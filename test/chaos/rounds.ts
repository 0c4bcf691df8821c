// Repeats each cause: all clients lose their replica or Redis under a steady stream, and must end
// up with every message. One fleet serves all rounds of all causes.
import { setTimeout as sleep } from 'node:timers/promises';
import { causes } from './causes.ts';
import { gather } from './crowd.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { createClock, disturbing, emptyHistory, type History } from './history.ts';
import { judge } from './model.ts';
import { added, headLine, lineOf, type RoundStats, statsOf } from './stats.ts';
import { timelineOf } from './timeline.ts';

interface Options {
  rounds: number;
  clients: number;
  /** Only these causes; default: all. */
  only?: string[];
  print: (line: string) => void;
}

const environment = { REBALANCE: 'off' }; // all clients are on one replica
// A session can be taken over from a live connection at most ten times in ten seconds.
const roundMsMin = 1_100;

/** Resolves to the totals of each cause. */
export async function runRounds(options: Options): Promise<Map<string, RoundStats>> {
  const { rounds, print } = options;
  const now = createClock();
  const disturbances: History['disturbances'] = [];
  const fleet = await startFleet(disturbing(disturbances, now), environment);
  const sums = new Map<string, RoundStats>();
  try {
    print(headLine);
    for (const name of options.only ?? causes.keys()) {
      const history = emptyHistory(disturbances);
      sums.set(name, await repeat(name, fleet, { ...options, history, now }));
    }
  } finally {
    fleet.stop();
  }
  print(headLine);
  for (const [name, stats] of sums) print(lineOf(name, `${rounds} rounds`, stats));
  return sums;
}

/** Whether every client recovered without any violation. */
export const isClean = ({ clients, recovered, ...wrong }: RoundStats): boolean =>
  recovered === clients && wrong.lost + wrong.duplicated + wrong.reordered + wrong.other === 0;

interface Run extends Options {
  history: History;
  now: () => number;
}

async function repeat(name: string, fleet: Fleet, run: Run): Promise<RoundStats> {
  const { history, now, print } = run;
  const crowd = await gather(fleet, history, run.clients, now);
  const records = crowd.clients.map(({ record }) => record);
  const all: RoundStats[] = [];
  try {
    for (let round = 1; round <= run.rounds; round += 1) {
      const from = now();
      const over = sleep(roundMsMin);
      for (const cause of causes.get(name) ?? []) await crowd.breakOnce(cause);
      await over;
      const violations = judge(history).filter(({ at }) => at >= from);
      const stats = statsOf(records, violations, from);
      all.push(stats);
      print(lineOf(name, round, stats));
      if (violations.length > 0) print(timelineOf(history, violations));
    }
  } finally {
    crowd.close();
  }
  return added(all);
}
