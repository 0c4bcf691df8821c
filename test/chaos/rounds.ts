// The same accident again and again: all clients of a replica lose it, or Redis, under a steady
// stream, and then have everything. One fleet for all rounds of all causes.
import { setTimeout as sleep } from 'node:timers/promises';
import { causes } from './causes.ts';
import { gather } from './crowd.ts';
import { added, type Figures, figuresOf, headLine, lineOf } from './figures.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { createClock, disturbing, type History } from './history.ts';
import { judge } from './model.ts';
import { timelineOf } from './timeline.ts';

interface Options {
  rounds: number;
  clients: number;
  /** Of some causes; without it of all. */
  only?: string[];
  print: (line: string) => void;
}

const environment = { REBALANCE: 'off' }; // all clients are on one replica
// A session is taken over from a connection that looks alive ten times in ten seconds at most.
const roundMsMin = 1_100;

/** Resolves to the sums of each cause. */
export async function runRounds(options: Options): Promise<Map<string, Figures>> {
  const { rounds, print } = options;
  const now = createClock();
  const disturbances: History['disturbances'] = [];
  const fleet = await startFleet(disturbing(disturbances, now), environment);
  const sums = new Map<string, Figures>();
  try {
    print(headLine);
    for (const name of options.only ?? causes.keys()) {
      const history: History = { clients: [], publishes: new Map(), disturbances };
      sums.set(name, await repeat(name, fleet, { ...options, history, now }));
    }
  } finally {
    fleet.stop();
  }
  print(headLine);
  for (const [name, figures] of sums) print(lineOf(name, `${rounds} rounds`, figures));
  return sums;
}

/** Whether everybody recovered and nothing was lost, duplicated, reordered, or otherwise wrong. */
export const isClean = ({ clients, recovered, ...wrong }: Figures): boolean =>
  recovered === clients && wrong.lost + wrong.duplicated + wrong.reordered + wrong.other === 0;

interface Run extends Options {
  history: History;
  now: () => number;
}

async function repeat(name: string, fleet: Fleet, run: Run): Promise<Figures> {
  const { history, now, print } = run;
  const crowd = await gather(fleet, history, run.clients, now);
  const records = crowd.clients.map(({ record }) => record);
  const all: Figures[] = [];
  try {
    for (let round = 1; round <= run.rounds; round += 1) {
      const from = now();
      const over = sleep(roundMsMin);
      for (const cause of causes.get(name) ?? []) await crowd.breakOnce(cause);
      await over;
      const violations = judge(history).filter(({ at }) => at >= from);
      const figures = figuresOf(records, violations, from);
      all.push(figures);
      print(lineOf(name, round, figures));
      if (violations.length > 0) print(timelineOf(history, violations));
    }
  } finally {
    crowd.close();
  }
  return added(all);
}
