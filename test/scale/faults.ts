// The faults of a run. Each resolves when Redis answers, or when the pod is gone: from then on the
// time until everything works again is measured.
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '@redis/client';
import type { Fleet } from '../chaos/fleet.ts';

const redisDownMs = 500;
const slowPeriodMs = 50;
const slowShare = 0.1; // of the time in which Redis runs
const slowMsMax = 30_000;

interface Fault {
  name: string;
  /** Milliseconds within which every process must be live again, or every client be back. */
  liveMsMax: number;
  /** Whether the clients lose their connection. */
  disconnects: boolean;
  /** @param isLive whether every process has caught up */
  inject(fleet: Fleet, isLive: () => Promise<boolean>): Promise<void>;
}

const killSubscriptions = async ({ redis }: Fleet) => {
  const client = await createClient({ url: redis.url })
    .on('error', () => {})
    .connect();
  await client.sendCommand(['CLIENT', 'KILL', 'TYPE', 'pubsub']);
  client.destroy();
};

export const faults: Fault[] = [
  { name: 'none', liveMsMax: 5_000, disconnects: false, inject: async () => {} },
  {
    name: 'subscriptions killed',
    liveMsMax: 5_000,
    disconnects: false,
    inject: killSubscriptions,
  },
  {
    name: 'Redis killed',
    liveMsMax: 5_000,
    disconnects: false,
    inject: (fleet) => fleet.killRedis(redisDownMs),
  },
  {
    name: 'Redis slowed by 10x',
    liveMsMax: 30_000,
    disconnects: false,
    async inject(fleet, isLive) {
      await killSubscriptions(fleet);
      void slow(fleet, isLive);
    },
  },
  {
    name: 'pod killed',
    liveMsMax: 30_000,
    disconnects: true,
    async inject({ pods: [first] }) {
      void first?.kill(0); // and started again
    },
  },
];

export const faultNames = faults.map(({ name }) => name);

/** Lets Redis run for a tenth of the time, until every process is live again. */
async function slow({ redis }: Fleet, isLive: () => Promise<boolean>): Promise<void> {
  let over = false;
  const end = performance.now() + slowMsMax;
  const watch = async () => {
    await sleep(1_000); // so that the processes have noticed
    while (!over && !(await isLive())) await sleep(100);
    over = true;
  };
  void watch();
  while (!over && performance.now() < end) {
    redis.signal('SIGSTOP');
    await sleep(slowPeriodMs * (1 - slowShare));
    redis.signal('SIGCONT');
    await sleep(slowPeriodMs * slowShare);
  }
  over = true;
}
