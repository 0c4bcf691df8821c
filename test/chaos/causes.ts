// What takes their connections from all clients of a replica, or Redis from all replicas.
import { until } from '../harness/processes.ts';
import type { ChaosClient } from './client.ts';
import type { Fleet, Pod } from './fleet.ts';

export interface Stage {
  fleet: Fleet;
  clients: ChaosClient[];
  /** The replica of all clients. */
  home: Pod;
  /** From now on connections are made to another replica. */
  leave(): void;
}

/** Breaks something; resolves when the clients have noticed, and what was broken is whole again. */
export type Cause = (stage: Stage) => Promise<unknown>;

const redisDownMs = 500;
const noticedMsMax = 20_000;

/** Before it is broken the clients are told to leave; resolves when all have. */
const leaving = ({ clients, home, leave }: Stage): Promise<void> => {
  leave();
  const haveLeft = () => clients.every((client) => client.port() !== home.port);
  return until('all have left', haveLeft, noticedMsMax).catch(() => {}); // and are counted
};

const single = {
  SIGKILL: (stage) => Promise.all([leaving(stage), stage.home.kill(0)]),
  SIGTERM: (stage) => Promise.all([leaving(stage), stage.home.terminate(0)]),
  // Nobody is told: the clients find out by missing pings, and then the replica goes on.
  'SIGSTOP + SIGCONT': (stage) => stage.home.freeze(() => leaving(stage)),
  // Of half of the clients the replica is not told.
  'cut TCP'(stage) {
    const left = leaving(stage);
    for (const [i, client] of stage.clients.entries()) client.cut(i % 4 < 2);
    return left;
  },
  // Half of the clients stay connected and catch up; the others lose their connection as well.
  'Redis SIGKILL'({ fleet, clients }) {
    const whole = fleet.killRedis(redisDownMs);
    for (const [i, client] of clients.entries()) if (i % 4 < 2) client.cut(true);
    return whole;
  },
} satisfies Record<string, Cause>;

/** The steps of one round of each; after every step all clients are back. */
export const causes: ReadonlyMap<string, Cause[]> = new Map([
  ...Object.entries(single).map(([name, cause]) => [name, [cause]] as [string, Cause[]]),
  ['all in turn', Object.values(single)],
]);
