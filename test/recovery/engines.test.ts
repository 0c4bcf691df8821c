// `make start` runs the code that production runs: one process in memory gives a client the same
// answers and events as three replicas on one Redis.
import type { Socket } from 'socket.io-client';
import { expect, it } from 'vitest';
import { type Random, seeded } from '../chaos/random.ts';
import { get, post } from '../harness/backend.ts';
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
  const members = new Map(rooms.map((roomId) => [roomId, new Set<string>()]));
  const anyService = () => services[random.below(1_000) % services.length] as Service;
  for (const user of users) {
    const socket = anyService().connect(user, { reconnectionDelay: 20 });
    story.events[user] = [];
    socket.onAny((event, data) => {
      if (unordered.includes(event)) return;
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
  /** The members of the user's rooms are notified that the user has left them for good. */
  const untilLeft = async (user: string, act: () => Promise<unknown>) => {
    const owed = [...members].flatMap(([roomId, users]) =>
      users.delete(user) ? [...users].map((other) => ({ other, roomId })) : [],
    );
    const seen = ({ other, roomId }: (typeof owed)[0]) => {
      const text = JSON.stringify(['user_left', { roomId, userId: user }]);
      return story.events[other]?.filter((event) => JSON.stringify(event) === text).length ?? 0;
    };
    const before = owed.map(seen);
    await act();
    await until(`${user} has left`, () => owed.every((one, i) => seen(one) > (before[i] ?? 0)));
  };
  const homeOf = ({ io }: Socket) =>
    services.find(({ url }) => url === Reflect.get(io, 'uri').replace(/\/$/, '')) ??
    (services[0] as Service);

  for (let n = 0; n < operationsPerSeed; n += 1) {
    const { socket, user } = random.pick(clients);
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
    } else if (operation.type === 'end') {
      await untilLeft(user, () => operation.end(socket, user, via.operationsUrl));
      sendTo(socket, anyService().url);
      const back = next(socket, 'connect');
      socket.connect();
      await back;
      story.answers.push([operation.type, socket.recovered]);
      await settle(via);
    } else if (operation.type === 'presence') {
      const { body } = await get(via.operationsUrl, `rooms/${operation.roomId}/presence`);
      story.answers.push([operation.type, nameOf(body)]);
    } else if (operation.type === 'members') {
      const { body } = await get(via.operationsUrl, `rooms/${operation.roomId}/members?limit=2`);
      story.answers.push([operation.type, nameOf(body)]);
    } else {
      const reply = await socket.emitWithAck(operation.type, operation.payload);
      story.answers.push([operation.type, nameOf(reply)]);
      const { roomId } = reply;
      if (operation.type === 'join_room') members.get(roomId)?.add(user);
      if (operation.type === 'leave_room') members.get(roomId)?.delete(user);
      await settle(homeOf(socket));
    }
  }
  for (const events of Object.values(story.events)) sortDepartures(events);
  return story;
}

/**
 * `welcome` may come before or after what is published meanwhile, and `user_typing` is volatile.
 */
const unordered = ['welcome', 'user_typing'];

/** A user leaves several rooms in any order. */
function sortDepartures(events: unknown[]): void {
  const isLeft = (event: unknown) => (event as [string])[0] === 'user_left';
  for (let from = 0; from < events.length; from += 1) {
    let to = from;
    while (to < events.length && isLeft(events[to])) to += 1;
    const run = events.slice(from, to).map((event) => JSON.stringify(event));
    events.splice(from, run.length, ...run.sort().map((event) => JSON.parse(event)));
    from = to;
  }
}

type Operation =
  | { type: 'publish'; body: object }
  | { type: 'reconnect'; bodies: object[] }
  | { type: 'end'; end: End }
  | { type: 'presence'; roomId: string }
  | { type: 'members'; roomId: string }
  | { type: (typeof requests)[number]; payload: unknown };

const requests = [
  ...(['join_room', 'leave_room', 'send_message', 'history', 'typing'] as const),
  'set_presence' as const,
];

type End = (socket: Socket, user: string, operationsUrl: string) => Promise<unknown>;

/** How a session ends: by its client, or by a backend while the client is connected or not. */
const ends: End[] = [
  async (socket) => socket.disconnect(),
  async (socket, user, operationsUrl) => {
    const gone = next(socket, 'disconnect');
    await post(operationsUrl, 'disconnect', { users: [user] });
    await gone;
  },
  async (socket, _, operationsUrl) => {
    const { id } = socket;
    sendTo(socket, 'http://127.0.0.1:1');
    const gone = next(socket, 'disconnect');
    socket.io.engine.close();
    await gone;
    await post(operationsUrl, 'disconnect', { sockets: [id] });
  },
];

function drawOperation(random: Random, n: number): Operation {
  const roomId = random.pick(rooms);
  const target = () =>
    random.pick([{ rooms: [roomId] }, { users: [random.pick(users)] }, { rooms, users }]);
  const type = random.weighted({
    join_room: 5,
    leave_room: 2,
    send_message: 6,
    history: 2,
    typing: 1,
    presence: 2,
    members: 2,
    set_presence: 3,
    publish: 3,
    reconnect: 3,
    end: 2,
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
    case 'end':
      return { type, end: random.pick(ends) };
    case 'set_presence': {
      const presence = random.below(4) === 0 ? null : { name: text, status: random.pick(rooms) };
      return { type, payload: { roomId, presence } };
    }
    case 'presence':
    case 'members':
      return { type, roomId };
    case 'typing':
      return { type, payload: { roomId } };
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
  expect(JSON.stringify(stories)).not.toContain('rate_limited'); // it would depend on the time
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
