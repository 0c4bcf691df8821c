// Many clients on one replica, and a steady stream to their rooms from another one.
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../harness/processes.ts';
import type { Cause } from './causes.ts';
import { type ChaosClient, openClient, type Surroundings } from './client.ts';
import type { Fleet } from './fleet.ts';
import { type ClientRecord, type Ending, type History, hasReceived } from './history.ts';
import { rooms } from './plan.ts';
import type { Pod } from './pod.ts';
import { createPublishing, type Publishing } from './publishing.ts';
import { createUsers } from './users.ts';

export type Crowd = Awaited<ReturnType<typeof gather>>;

const streamMs = 25; // between two publishes
const quietMs = 250; // undisturbed stream before a fault and after its repair
const backMsMax = 60_000;

/** All clients on one replica, each in two rooms, and a publisher on every replica. */
export async function gather(fleet: Fleet, history: History, count: number, now: () => number) {
  const { pods } = fleet;
  let home = 0;
  const around = (index: number) => pods[index % pods.length] as Pod;
  const route = { clients: () => around(home).port, publishers: (pod: number) => around(pod).port };
  const { clients, publishers } = await connectAll(history, pods.length, count, now, route);
  const all = [...publishers, ...clients];
  const allBack = () =>
    until('all are connected again', () => all.every((c) => c.isConnected()), backMsMax);
  await allBack();
  await Promise.all(
    clients.flatMap((client, i) =>
      [i, i + 3].map((n) => client.member('join', rooms[n % rooms.length] as string)),
    ),
  );
  const publishing = createPublishing(history, now);
  return {
    clients,
    /** Runs the cause; resolves when every client has received, or should have, a later message. */
    async breakOnce(cause: Cause): Promise<void> {
      const here = around(home);
      const publisher = publishers[(home + 2) % pods.length] as ChaosClient;
      const leave = () => {
        home += 1;
      };
      const stream = startStream(publishing, publisher);
      await sleep(quietMs);
      await cause({ fleet, clients, home: here, leave });
      await fleet.settled();
      await allBack();
      await sleep(quietMs);
      await stream.stop();
      const last = await publishing.certainly(publisher, []);
      const arrived = () => all.every(({ record }) => hasReceived(record, last));
      await until('it arrives', arrived).catch(() => {}); // the model reports who missed it
    },
    close() {
      for (const one of all) one.close();
    },
  };
}

/** Publishers stay on their replica; `route` places clients. */
async function connectAll(
  { clients: records, endings }: History,
  pods: number,
  count: number,
  now: () => number,
  route: { clients: Surroundings['route']; publishers: Surroundings['route'] },
) {
  let requests = 0;
  const recorded = (record: ClientRecord) => records.push(record);
  const ending = (one: Ending) => void endings.push(one);
  const common = { now, recorded, ending, users: createUsers(), nextRequest: () => ++requests };
  const transportsOf = (i: number) => (i % 2 === 0 ? ['polling', 'websocket'] : ['websocket']);
  const publishers = await Promise.all(
    Array.from({ length: pods }, (_, pod) => {
      const around = { ...common, route: route.publishers };
      return openClient(around, `publisher-${pod}`, { transports: ['websocket'], pod });
    }),
  );
  const clients = await Promise.all(
    Array.from({ length: count }, (_, i) => {
      const around = { ...common, route: route.clients };
      return openClient(around, `client-${i}`, { transports: transportsOf(i), pod: 0 });
    }),
  );
  return { publishers, clients };
}

/** Publishes to all rooms in turn, without waiting for answers. */
function startStream(publishing: Publishing, through: ChaosClient) {
  const underWay: Promise<unknown>[] = [];
  const timer = setInterval(() => {
    const room = rooms[underWay.length % rooms.length] as string;
    underWay.push(publishing.publish(through, { kind: 'message', rooms: [room] }));
  }, streamMs);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(underWay);
    },
  };
}
