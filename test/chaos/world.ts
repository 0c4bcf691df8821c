// One run: executes a plan against three pods and Redis, and checks the result with the model.
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../harness/processes.ts';
import { type ChaosClient, openClient, type Surroundings } from './client.ts';
import { type Fleet, startFleet } from './fleet.ts';
import {
  type ClientRecord,
  createClock,
  disturbing,
  type History,
  hasReceived,
} from './history.ts';
import { judge } from './model.ts';
import { type Operation, type Plan, publisherCount, rooms } from './plan.ts';
import { createPublishing, type Publishing } from './publishing.ts';
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
const markerMsMax = 10_000;

export async function run(plan: Plan): Promise<Outcome> {
  const now = createClock();
  const history: History = { clients: [], publishes: new Map(), disturbances: [] };
  const fleet = await startFleet(disturbing(history.disturbances, now));
  let world: World | undefined;
  try {
    world = await populate(plan, fleet, history, now);
    const startedAt = now();
    for (const operation of plan.operations) {
      await sleep(Math.max(0, startedAt + operation.atMs - now()));
      world.begin(operation);
    }
    await world.settle();
    const output = fleet.pods.map((pod) => pod.output()).join('');
    return { plan, history, violations: judge(history), output };
  } finally {
    world?.close();
    fleet.stop();
  }
}

type World = Awaited<ReturnType<typeof populate>>;

async function populate(plan: Plan, fleet: Fleet, history: History, now: () => number) {
  let requests = 0;
  const ports = fleet.pods.map(({ port }) => port);
  const recorded = (record: ClientRecord) => history.clients.push(record);
  const route = (pod: number, attempt: number) => ports[(pod + attempt) % ports.length] as number;
  const users = createUsers();
  const around: Surroundings = { now, route, recorded, users, nextRequest: () => ++requests };
  const publishers = await Promise.all(
    Array.from({ length: publisherCount }, (_, pod) =>
      openClient(around, `publisher-${pod}`, { transports: ['websocket'], pod }),
    ),
  );
  const clients = await Promise.all(
    plan.clients.map((options, i) => openClient(around, `client-${i}`, options)),
  );
  const all = [...publishers, ...clients];
  const areBack = () =>
    until('all are connected', () => all.every((c) => c.isConnected()), backMsMax);
  await areBack();
  await Promise.all(
    clients.flatMap((client, i) =>
      (plan.clients[i]?.rooms ?? []).map((room) => client.member('join', room)),
    ),
  );
  const underWay = new Set<Promise<unknown>>();
  const publishing = createPublishing(history, now);
  const publisher = (i: number) => publishers[i % publishers.length] as ChaosClient;
  const client = (i: number) => clients[i % clients.length] as ChaosClient;
  const perform = performer({ fleet, publishing, publishers, publisher, client });

  return {
    begin(operation: Operation): void {
      const done = perform(operation).finally(() => underWay.delete(done));
      underWay.add(done);
    },
    /** Repairs everything, then sends a last message to each room and to everyone. */
    async settle(): Promise<void> {
      await Promise.all(underWay);
      await fleet.settled();
      await areBack();
      for (const room of rooms) await publishing.certainly(publisher(0), [room]);
      const last = await publishing.certainly(publisher(0), []);
      const isClosed = ({ events }: ClientRecord) =>
        events.findLast(({ type }) => /connected$/.test(type))?.type !== 'connected';
      const isDone = (record: ClientRecord) =>
        record.role === 'old' ? isClosed(record) : hasReceived(record, last);
      const all = () => history.clients.every(isDone);
      await until('the last message arrives', all, markerMsMax).catch(() => {});
    },
    close() {
      for (const one of all) one.close();
    },
  };
}

interface Stage {
  fleet: Fleet;
  publishing: Publishing;
  publishers: ChaosClient[];
  publisher: (i: number) => ChaosClient;
  client: (i: number) => ChaosClient;
}

function performer({ fleet, publishing, publishers, publisher, client }: Stage) {
  const podOf = (one: ChaosClient) => fleet.pods.find(({ port }) => port === one.port());
  return async (operation: Operation): Promise<unknown> => {
    switch (operation.kind) {
      case 'join':
      case 'leave':
        return client(operation.client).member(operation.kind, operation.room);
      case 'rejoin': {
        await client(operation.client).member('leave', operation.room);
        await sleep(operation.pauseMs);
        return client(operation.client).member('join', operation.room);
      }
      case 'join-and-kill':
      case 'leave-and-kill': {
        const one = client(operation.client);
        const action = operation.kind === 'join-and-kill' ? 'join' : 'leave';
        const ok = await one.member(action, operation.room);
        return ok && podOf(one)?.kill(operation.downMs);
      }
      case 'publish': {
        const { rooms, except } = operation;
        const kind = operation.volatile ? 'volatile' : 'message';
        return publishing.publish(publisher(operation.publisher), { kind, rooms, except });
      }
      case 'direct': {
        const target = client(operation.client).sid();
        if (target === undefined) return;
        const form = { kind: 'direct', rooms: [], target } as const;
        return publishing.publish(publisher(operation.publisher), form);
      }
      case 'lose': {
        const one = client(operation.client);
        const target = one.sid();
        const near = publishers.find((other) => other.isConnected() && other.port() === one.port());
        if (!near || target === undefined || !one.isConnected()) return;
        one.cut(false);
        const form = { kind: 'direct', rooms: [], target } as const;
        const numbers = Array.from({ length: operation.count });
        return Promise.all(numbers.map(() => publishing.publish(near, form)));
      }
      case 'ask': {
        const form = { kind: 'question', rooms: [operation.room] } as const;
        return publishing.publish(publisher(operation.publisher), form);
      }
      case 'cut':
        return client(operation.client).cut(operation.client % 2 === 0);
      case 'set':
      case 'expire':
      case 'intrude':
        return client(operation.client)[operation.kind]();
      case 'slow':
        return client(operation.client).slow(operation.middlewareMs);
      case 'takeover':
        return client(operation.client).takeOver(operation.pod);
      case 'kill':
        return fleet.pods[operation.pod]?.kill(operation.downMs);
      case 'stop':
        return fleet.pods[operation.pod]?.terminate(operation.downMs);
      case 'freeze':
        return fleet.pods[operation.pod]?.freeze(() => sleep(operation.frozenMs));
      case 'partition':
        return fleet.pods[operation.pod]?.partition(operation.how, operation.ms);
      case 'pod-clock':
        return fleet.pods[operation.pod]?.stepClock(operation.stepMs);
      case 'redis':
        return fleet.killRedis(operation.downMs);
      case 'redis-freeze':
        return fleet.freezeRedis(operation.frozenMs);
      case 'redis-slow':
        return fleet.slowRedis(operation.delayMs, operation.ms);
      case 'redis-clock':
        return fleet.stepRedisClock(operation.stepMs);
    }
  };
}
