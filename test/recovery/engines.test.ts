// `make start` runs the code that production runs: one process in memory gives a client the same
// answers and events as three replicas on one Redis.
import type { Socket } from 'socket.io-client';
import { expect, it } from 'vitest';
import { type Random, seeded } from '../chaos/random.ts';
import { post } from '../harness/backend.ts';
import { sendTo } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, next, startApp, until, untilReady } from '../harness/service.ts';

type Service = Awaited<ReturnType<typeof startApp>>;

const users = ['alice', 'bob', 'carol'];
const rooms = ['lobby', 'kitchen', 'garden'];
const operationsPerSeed = 60;
const limits = { EVENTS_PER_SECOND_MAX: '1000' };

async function inMemory(): Promise<Service[]> {
  const service = await startApp(limits);
  await untilReady(service.operationsUrl);
  return [service];
}

async function onRedis(): Promise<Service[]> {
  const { url } = await startRedis();
  const started = ['a', 'b', 'c'].map(async (pod) => {
    const service = await startApp({ ...limits, REDIS_URL: url, POD_NAME: pod });
    await untilReady(service.operationsUrl);
    return service;
  });
  return Promise.all(started);
}

/** What a run shows: the answers in order, and the events of each client. */
interface Story {
  answers: unknown[];
  events: Record<string, unknown[]>;
}

async function play(services: Service[], seed: number): Promise<Story> {
  const random = seeded(seed);
  const nameOf = createNames();
  const story: Story = { answers: [], events: {} };
  const clients: { user: string; socket: Socket }[] = [];
  const anyService = () => services[random.below(1_000) % services.length] as Service;
  for (const user of users) {
    const socket = anyService().connect(user, { reconnectionDelay: 20 });
    story.events[user] = [];
    socket.onAny((event, data) => {
      if (event === 'welcome') return; // it may come before or after what is published meanwhile
      story.events[user]?.push([event, nameOf(data)]);
    });
    await connected(socket);
    clients.push({ user, socket });
  }
  let barriers = 0;
  /** Everything that a service published before has arrived at every client. */
  const settle = async (service: Service) => {
    barriers += 1;
    const data = { barrier: barriers };
    await post(service.operationsUrl, 'publish', { everyone: true, event: 'barrier', data });
    const text = JSON.stringify(['barrier', data]);
    await until('all have seen the barrier', () =>
      users.every((user) => story.events[user]?.some((event) => JSON.stringify(event) === text)),
    );
  };
  const homeOf = ({ io }: Socket) =>
    services.find(({ url }) => url === Reflect.get(io, 'uri').replace(/\/$/, '')) ??
    (services[0] as Service);

  for (let n = 0; n < operationsPerSeed; n += 1) {
    const { socket } = random.pick(clients);
    const operation = drawOperation(random, n);
    const via = anyService();
    if (operation.type === 'publish') {
      const { status } = await post(via.operationsUrl, 'publish', operation.body);
      story.answers.push([operation.type, status]);
      await settle(via);
    } else if (operation.type === 'reconnect') {
      sendTo(socket, anyService().url);
      const back = next(socket, 'connect');
      socket.io.engine.close();
      for (const body of operation.bodies) await post(via.operationsUrl, 'publish', body);
      await back;
      story.answers.push([operation.type, socket.recovered]);
      await settle(via);
    } else {
      const reply = await socket.emitWithAck(operation.type, operation.payload);
      story.answers.push([operation.type, nameOf(reply)]);
      await settle(homeOf(socket));
    }
  }
  return story;
}

type Operation =
  | { type: 'publish'; body: object }
  | { type: 'reconnect'; bodies: object[] }
  | { type: 'join_room' | 'send_message' | 'history'; payload: unknown };

/**
 * Nobody leaves a room: presence still counts a socket on the replica that it was moved from, so
 * `user_left` comes later there than in memory.
 */
function drawOperation(random: Random, n: number): Operation {
  const roomId = random.pick(rooms);
  const target = () =>
    random.pick([{ rooms: [roomId] }, { users: [random.pick(users)] }, { rooms, users }]);
  const type = random.weighted({
    join_room: 4,
    send_message: 6,
    history: 2,
    publish: 3,
    reconnect: 3,
  });
  const text = `text ${n}`;
  switch (type) {
    case 'publish': {
      const id = random.below(2) === 0 ? {} : { id: `publish-${random.below(4)}` };
      return { type, body: { ...target(), ...id, event: 'notification', data: { text } } };
    }
    case 'reconnect': {
      const bodies = [1, 2, 3].map((i) => ({
        ...target(),
        event: 'notification',
        data: { text: `${text} ${i}` },
      }));
      return { type, bodies };
    }
    case 'send_message': {
      const id = random.below(2) === 0 ? {} : { id: `message-${random.below(6)}` };
      return { type, payload: { roomId, text, ...id } };
    }
    case 'history':
      return { type, payload: { roomId, limit: random.between(1, 10) } };
    default:
      return { type, payload: roomId };
  }
}

/** Replaces what differs between any two runs: random ids, in the order in which they appear. */
function createNames() {
  const names = new Map<string, string>();
  const nameOf = (value: unknown, key = ''): unknown => {
    if (key === 'members') return [...(value as string[])].sort(); // in no order
    if (Array.isArray(value)) return value.map((item) => nameOf(item));
    if (value !== null && typeof value === 'object') {
      return Object.fromEntries(
        Object.entries(value)
          .filter(([name]) => !['at', 'pod', 'expiresAt'].includes(name))
          .map(([name, inner]) => [name, nameOf(inner, name)]),
      );
    }
    if (key !== 'id' || !/^[\da-f]{8}-/.test(String(value))) return value;
    const known = names.get(String(value)) ?? `id-${names.size}`;
    names.set(String(value), known);
    return known;
  };
  return nameOf;
}

it.each([1, 2, 3])('give a random client the same answers, seed %i', async (seed) => {
  const stories = await Promise.all(
    [inMemory, onRedis].map(async (start) => play(await start(), seed)),
  );
  expect(stories[0]).toEqual(stories[1]);
  const recovered = stories[0]?.answers.filter((answer) => String(answer) === 'reconnect,true');
  expect(recovered?.length).toBeGreaterThan(3);
});

it.each([
  ['in memory', inMemory],
  ['on Redis', onRedis],
])('send what was missed after CONNECT and before welcome: %s', async (_, start) => {
  const services = await start();
  const [first, last] = [services[0] as Service, services.at(-1) as Service];
  const options = { reconnectionDelay: 20, randomizationFactor: 0 };
  const alice = await connected(first.connect('alice', options));
  await alice.emitWithAck('join_room', 'lobby');
  const seen: unknown[] = [];
  alice.on('connect', () => seen.push('connect'));
  alice.on('notification', (n) => seen.push(n));
  alice.on('welcome', () => seen.push('welcome'));
  const gone = next(alice, 'disconnect');
  sendTo(alice, 'http://127.0.0.1:1'); // it fails there until all is published
  alice.io.engine.close();
  await gone;
  for (const data of [1, 2, 3]) {
    const body = { rooms: ['lobby'], event: 'notification', data };
    expect((await post(last.operationsUrl, 'publish', body)).status).toBe(202);
  }
  sendTo(alice, last.url);
  await until('it is welcome again', () => seen.includes('welcome'));
  expect(seen).toEqual(['connect', 1, 2, 3, 'welcome']);
  expect(alice.recovered).toBe(true);
});
