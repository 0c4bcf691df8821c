// One run: executes a plan against three pods and Redis, and checks the result with the model.
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../harness/processes.ts';
import { type Backend, createBackend } from './backend.ts';
import { type ChaosClient, openClient, type Surroundings } from './client.ts';
import { startFleet } from './fleet.ts';
import {
  type ClientRecord,
  createClock,
  disturbing,
  emptyHistory,
  type Final,
  type History,
  hasReceived,
} from './history.ts';
import { judge } from './model.ts';
import { performer, type Stage } from './perform.ts';
import { countedRooms, type Operation, type Plan, publisherCount, rooms } from './plan.ts';
import type { Pod } from './pod.ts';
import { createPublishing } from './publishing.ts';
import { createUsers } from './users.ts';
import type { Violation } from './violation.ts';

export interface Outcome {
  plan: Plan;
  history: History;
  violations: Violation[];
  /** The logs of the pods. */
  output: string;
}

const backMsMax = 60_000;
const quietMsMax = 10_000;
const joinMsMax = 30_000;

/** @param otherBuild the folder of another build, to which pods roll and back */
export async function run(plan: Plan, otherBuild?: string): Promise<Outcome> {
  const now = createClock();
  const history = emptyHistory();
  const fleet = await startFleet(disturbing(history.disturbances, now));
  let world: World | undefined;
  try {
    world = await populate(plan, { fleet, history, now, otherBuild });
    const startedAt = now();
    for (const operation of plan.operations) {
      await sleep(Math.max(0, startedAt + operation.atMs - now()));
      world.begin(operation);
    }
    await world.settle();
    const violations = await world.conclude();
    const output = fleet.pods.map((pod) => pod.output()).join('');
    return { plan, history, violations, output };
  } finally {
    world?.close();
    fleet.stop();
  }
}

type World = Awaited<ReturnType<typeof populate>>;

type Ground = Pick<Stage, 'fleet' | 'history' | 'now' | 'otherBuild'>;

async function populate(plan: Plan, ground: Ground) {
  const { fleet, history, now } = ground;
  let requests = 0;
  const ports = fleet.pods.map(({ port }) => port);
  const users = createUsers();
  const around: Surroundings = {
    now,
    users,
    route: (pod, attempt) => ports[(pod + attempt) % ports.length] as number,
    recorded: (record) => history.clients.push(record),
    ending: (ending) => history.endings.push(ending),
    nextRequest: () => ++requests,
  };
  const publishers = await Promise.all(
    Array.from({ length: publisherCount }, (_, pod) =>
      openClient(around, `publisher-${pod}`, { transports: ['websocket'], pod }),
    ),
  );
  const clients = await Promise.all(
    plan.clients.map((options, i) => openClient(around, `client-${i}`, options)),
  );
  const all = [...publishers, ...clients];
  const staying = () => all.filter(({ record }) => record.role === 'client');
  const areBack = () => staying().every((one) => one.isConnected());
  const untilBack = () => until('all are connected', areBack, backMsMax);
  await untilBack();
  await Promise.all(publishers.map((one) => one.member('join', 'watch')));
  const joinAll = (one: ChaosClient, rooms: string[]) =>
    Promise.all(rooms.map((room) => one.member('join', room)));
  await Promise.all(clients.map((one, i) => joinAll(one, plan.clients[i]?.rooms ?? [])));
  const underWay = new Set<Promise<unknown>>();
  const publishing = createPublishing(history, now);
  const backend = createBackend(history, users, now);
  const perform = performer({
    ...ground,
    publishing,
    backend,
    publishers,
    publisher: (i) => publishers[i % publishers.length] as ChaosClient,
    client: (i) => clients[i % clients.length] as ChaosClient,
    async arrive({ user, pod, transports, rooms }) {
      const one = await openClient(around, `client-${all.length}`, { user, pod, transports });
      all.push(one);
      void joinAll(one, rooms);
      return one;
    },
  });

  return {
    begin(operation: Operation): void {
      const done = perform(operation).finally(() => underWay.delete(done));
      underWay.add(done);
    },
    /** Repairs everything; then every client joins a room, and every room gets a last message. */
    async settle(): Promise<void> {
      await Promise.all(underWay);
      await fleet.settled();
      await untilBack();
      const joining = staying().map(async (one, i) => {
        const join = () => one.member('join', rooms[i % rooms.length] as string);
        await until('it may join', join, joinMsMax).catch(() => history.refused.push(one.name));
      });
      await Promise.all(joining);
      const through = publishers[0] as ChaosClient;
      for (const room of rooms) await publishing.certainly(through, [room]);
      const last = await publishing.certainly(through, []);
      const isClosed = ({ events }: ClientRecord) =>
        events.findLast(({ type }) => /connected$/.test(type))?.type !== 'connected';
      const isDone = (record: ClientRecord) =>
        record.role === 'client' ? hasReceived(record, last) : isClosed(record);
      const arrived = () => history.clients.every(isDone);
      await until('the last message arrives', arrived, quietMsMax).catch(() => {});
    },
    /** Reads the state of every client and room, until it is right or no longer changes. */
    async conclude(): Promise<Violation[]> {
      const isRight = async () => {
        if (!areBack()) return false;
        await conclude(history, staying(), backend, fleet.pods[0] as Pod, now);
        return judge(history).length === 0;
      };
      await until('everything is right', isRight, quietMsMax).catch(() => {});
      await untilBack().catch(() => {}); // a pod may just have moved one to another pod
      return judge(history);
    },
    close() {
      for (const one of all) one.close();
    },
  };
}

async function conclude(
  history: History,
  clients: ChaosClient[],
  backend: Backend,
  pod: Pod,
  now: () => number,
): Promise<void> {
  const final: Final = { at: now(), rooms: new Map(), members: new Map() };
  const ofClient = clients.map(async (one) => {
    const sid = one.sid();
    const { rooms } = await one.request('rooms', null);
    if (sid !== undefined && Array.isArray(rooms)) final.rooms.set(sid, rooms);
  });
  const ofRoom = countedRooms.map(async (room) => {
    const members = await backend.members(pod, room);
    if (members) final.members.set(room, members);
  });
  await Promise.all([...ofClient, ...ofRoom]);
  history.final = final;
}
