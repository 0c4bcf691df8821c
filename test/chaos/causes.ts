// Causes that disconnect all clients of a replica, or all replicas from Redis.
import { until } from '../harness/processes.ts';
import type { ChaosClient } from './client.ts';
import type { Fleet } from './fleet.ts';
import type { Pod } from './pod.ts';

export interface Stage {
  fleet: Fleet;
  clients: ChaosClient[];
  /** The replica that all clients are on. */
  home: Pod;
  /** Routes new connections to another replica. */
  leave(): void;
}

/** Breaks something; resolves when clients have noticed and everything is repaired. */
export type Cause = (stage: Stage) => Promise<unknown>;

const redisDownMs = 500;
const noticedMsMax = 20_000;

/** Waits until all clients have left before the replica is broken. */
export const leaving = ({ clients, home, leave }: Stage): Promise<void> => {
  leave();
  const haveLeft = () => clients.every((client) => client.port() !== home.port);
  return until('all have left', haveLeft, noticedMsMax).catch(() => {}); // the stats count them
};

const single = {
  SIGKILL: (stage) => Promise.all([leaving(stage), stage.home.kill(0)]),
  SIGTERM: (stage) => Promise.all([leaving(stage), stage.home.terminate(0)]),
  // Clients notice by missing pings; then the replica continues.
  'SIGSTOP + SIGCONT': (stage) => stage.home.freeze(() => leaving(stage)),
  // For half of the clients the replica does not notice.
  'cut TCP'(stage) {
    const left = leaving(stage);
    for (const [i, client] of stage.clients.entries()) client.cut(i % 4 < 2);
    return left;
  },
  // Half of the clients stay connected and catch up; the others lose their connection too.
  'Redis SIGKILL'({ fleet, clients }) {
    const whole = fleet.killRedis(redisDownMs);
    for (const [i, client] of clients.entries()) if (i % 4 < 2) client.cut(true);
    return whole;
  },
} satisfies Record<string, Cause>;

/** The steps of a round of each cause; after every step all clients are connected again. */
export const causes: ReadonlyMap<string, Cause[]> = new Map([
  ...Object.entries(single).map(([name, cause]) => [name, [cause]] as [string, Cause[]]),
  ['all in turn', Object.values(single)],
]);
