// Rolls a fleet from one build of the service to another and back under load: every client loses
// its replica again and again, and must end up with every message.
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import { until } from '../harness/processes.ts';
import { type Cause, causes, leaving } from './causes.ts';
import { gather } from './crowd.ts';
import { type Fleet, startFleet } from './fleet.ts';
import { createClock, disturbing, emptyHistory, type History } from './history.ts';
import { judge } from './model.ts';
import { type RoundStats, statsOf } from './stats.ts';
import { timelineOf } from './timeline.ts';

interface Options {
  /** Folders of builds. */
  from: string;
  to: string;
  clients: number;
  pods: number;
  /** The format that all replicas write with either build alone. */
  formats: [from: number, to: number];
}

export interface Rollout {
  stats: RoundStats;
  /** The violations with their timelines, for a person. */
  report: string;
  /** The formats that were agreed on after each step. */
  agreed: number[];
  /** The logs of the pods. */
  output: string;
}

const stepMsMin = 1_100; // see roundMsMin in rounds.ts
const agreedMsMax = 150_000; // a process that was killed counts until its lease ends

export async function rollBothWays(options: Options): Promise<Rollout> {
  const { from, to, clients, pods, formats } = options;
  const now = createClock();
  const disturbances: History['disturbances'] = [];
  const history = emptyHistory(disturbances);
  const fleet = await startFleet(
    disturbing(disturbances, now),
    { REBALANCE: 'off' },
    { build: from, size: pods },
  );
  const format = await watchFormat(fleet);
  const crowd = await gather(fleet, history, clients, now);
  const agreed: number[] = [];
  const startedAt = now();
  const step = async (cause: Cause) => {
    const over = sleep(stepMsMin);
    await crowd.breakOnce(cause);
    await over;
    agreed.push(await format.read());
  };
  /** One pod after another, then once without a change. */
  const roll = async (build: string, last: number) => {
    const replace: Cause = (stage) => Promise.all([leaving(stage), stage.home.replace(build)]);
    for (const _ of fleet.pods) await step(replace);
    await until('the format is agreed on', async () => (await format.read()) === last, agreedMsMax);
    for (const cause of causes.get('SIGTERM') ?? []) await step(cause);
  };
  try {
    await roll(to, formats[1]);
    await roll(from, formats[0]);
    const violations = judge(history);
    const records = crowd.clients.map(({ record }) => record);
    return {
      stats: statsOf(records, violations, startedAt),
      report: violations.length > 0 ? timelineOf(history, violations) : '',
      agreed,
      output: fleet.pods.map((pod) => pod.output()).join(''),
    };
  } finally {
    crowd.close();
    format.close();
    fleet.stop();
  }
}

/** Reads the format that the processes have agreed on. */
async function watchFormat({ redis }: Fleet) {
  const client = await createClient({ url: redis.url }).connect();
  return {
    read: async () => Number(await client.hGet('mooring:formats', 'agreed')),
    close: () => client.destroy(),
  };
}
