// Performs the operations of a plan.
import { setTimeout as sleep } from 'node:timers/promises';
import type { Backend } from './backend.ts';
import type { ChaosClient } from './client.ts';
import type { Fleet } from './fleet.ts';
import type { History } from './history.ts';
import { type Arrival, type Kick, type Operation, podCount } from './plan.ts';
import type { Pod } from './pod.ts';
import type { Publishing } from './publishing.ts';

export interface Stage {
  fleet: Fleet;
  history: History;
  backend: Backend;
  now: () => number;
  /** The folder of another build. */
  otherBuild: string | undefined;
  publishing: Publishing;
  publishers: ChaosClient[];
  publisher: (i: number) => ChaosClient;
  client: (i: number) => ChaosClient;
  arrive: (arrival: Arrival) => Promise<ChaosClient>;
}

export function performer(stage: Stage) {
  const { fleet, publishing, publishers, publisher, client } = stage;
  const podOf = (one: ChaosClient) => fleet.pods.find(({ port }) => port === one.port());
  const pod = (i: number) => fleet.pods[i % podCount] as Pod;
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
        return pod(operation.pod).kill(operation.downMs);
      case 'stop':
        return pod(operation.pod).terminate(operation.downMs);
      case 'freeze':
        return pod(operation.pod).freeze(() => sleep(operation.frozenMs));
      case 'hop': {
        const away = pod(operation.away).port;
        return client(operation.client).hop(away, operation.action, operation.room);
      }
      case 'quit':
        return client(operation.client).quit(operation.awayMs);
      case 'kick':
        return kick(stage, operation.how, pod(operation.pod), client(operation.client));
      case 'arrive': {
        const one = await stage.arrive(operation);
        if (operation.leaves === undefined) return;
        await sleep(operation.staysMs);
        return one.leave(operation.leaves === 'on purpose');
      }
      case 'look':
        return look(stage, pod(operation.pod), operation.room);
      case 'roll': {
        const one = pod(operation.pod);
        const other = stage.otherBuild ?? one.build();
        return one.replace(one.build() === other ? process.cwd() : other);
      }
      case 'partition':
        return pod(operation.pod).partition(operation.how, operation.ms);
      case 'pod-clock':
        return pod(operation.pod).stepClock(operation.stepMs);
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

/** Ends sessions, in one of the ways in which a backend can. */
async function kick(
  { backend, history, now, publisher }: Stage,
  how: Kick,
  through: Pod,
  { user, sid: sidOf, note }: ChaosClient,
): Promise<unknown> {
  note(`its session is ended: ${how}`);
  if (how === 'revoke') return backend.revoke(through, user);
  if (how === 'user') return backend.disconnectUser(through, user);
  const sid = sidOf();
  if (sid === undefined) return;
  if (how === 'socket') return backend.disconnectSocket(through, sid);
  history.endings.push({ what: how, sid, called: now() }); // Socket.IO does not confirm it
  return publisher(0).request(how, sid);
}

async function look({ backend, history, now }: Stage, pod: Pod, room: string): Promise<void> {
  const called = now();
  const members = await backend.members(pod, room);
  if (members) history.reads.push({ room, members, called, answered: now() });
}
