// Connection state recovery over several replicas, through everything that breaks a connection.
import { describe, expect, it } from 'vitest';
import { clean, joined, judge, rotate, sendTo, startStream, track } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import {
  connected,
  next,
  samples,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

const roomNames = ['r0', 'r1', 'r2', 'r3'];

/** The first one is a process of its own, which can be killed; the others run in this one. */
async function replicas() {
  const redis = await startRedis();
  const env = { REDIS_URL: redis.url, EVENTS_PER_SECOND_MAX: '10000' };
  const first = await startProcess(env);
  const [second, third] = [await startApp(env), await startApp(env)];
  const urls = [first, second, third].map(({ operationsUrl }) => operationsUrl);
  await Promise.all(urls.map((url) => untilReady(url)));
  return { redis, first, second, third };
}

/** Clients of the first two replicas under a steady stream that a third one publishes. */
async function underLoad(clientCount: number) {
  const { redis, first, second, third } = await replicas();
  const urls = [first.url, second.url];
  const clients = await Promise.all(
    Array.from({ length: clientCount }, async (_, i) => {
      const transports = i % 2 === 0 ? ['polling', 'websocket'] : ['websocket'];
      const client = first.connect(`user-${i}`, { transports, reconnectionDelay: 200 });
      rotate(client, urls);
      return joined(client, roomNames);
    }),
  );
  const { client: publisher } = await joined(third.connect('publisher'), roomNames);
  const stream = startStream(publisher, roomNames);
  await until('the stream flows', () => stream.count() > 40);
  const verdicts = async () => {
    const acknowledged = await stream.stop();
    const last = [...acknowledged].map(([room, texts]) => [room, texts.at(-1)] as const);
    await until('the last ones arrive', () =>
      clients.every(({ seen }) => last.every(([room, text]) => has(seen, room, text))),
    ).catch(() => {}); // the verdict says what is missing
    return clients.map(({ seen }) => judge(seen, acknowledged, roomNames));
  };
  return { redis, first, clients, stream, verdicts };
}

type Load = Awaited<ReturnType<typeof underLoad>>;

const has = (seen: ReturnType<typeof track>, room: string, text: string | undefined) =>
  text === undefined || seen.texts.get(room)?.includes(text) === true;

const backAgain = ({ clients }: Load, times = 1) =>
  until('all are back', () =>
    clients.every(({ client, seen }) => client.connected && seen.recovered.length >= times),
  );

describe('a lost connection comes back whole on another replica', () => {
  it.each([
    ['SIGKILL of its replica', ({ first }: Load) => void first.child.kill('SIGKILL')],
    ['SIGTERM of its replica', ({ first }: Load) => void first.child.kill('SIGTERM')],
    [
      'a cut of the transport',
      ({ clients }: Load) => {
        for (const { client } of clients) client.io.engine.close();
      },
    ],
  ])('after %s, with nothing lost, duplicated or reordered', async (_, breakIt) => {
    const load = await underLoad(20);
    breakIt(load);
    await backAgain(load);
    const sent = load.stream.count();
    await until('more is sent', () => load.stream.count() > sent + 40);
    expect(await load.verdicts()).toEqual(load.clients.map(() => clean));
    expect(load.clients.flatMap(({ seen }) => seen.recovered)).not.toContain(false);
  });

  it('after a replica was frozen, which then finds out that it lost its sessions', async () => {
    const load = await underLoad(10);
    load.first.child.kill('SIGSTOP');
    for (const { client } of load.clients) client.io.engine.close();
    await backAgain(load);
    load.first.child.kill('SIGCONT');
    const open = async () => {
      const connections = await samples(load.first.operationsUrl, 'connections');
      return Object.values(connections).reduce((sum, n) => sum + n, 0);
    };
    await until('the old sockets are gone', async () => (await open()) === 0);
    expect(await load.verdicts()).toEqual(load.clients.map(() => clean));
    expect(load.clients.flatMap(({ seen }) => seen.recovered)).not.toContain(false);
  });

  it('while Redis is killed and restarted, before and after a replica is killed', async () => {
    const load = await underLoad(10);
    await load.redis.kill();
    await load.redis.start();
    const sent = load.stream.count();
    await until('messages flow again', () => load.stream.count() > sent + 100);
    load.first.child.kill('SIGKILL');
    await backAgain(load);
    expect(await load.verdicts()).toEqual(load.clients.map(() => clean));
    expect(load.clients.flatMap(({ seen }) => seen.recovered)).not.toContain(false);
  });
});

describe('a session', () => {
  it('holds every room whose join was acknowledged, even right before a SIGKILL', async () => {
    const { first, second } = await replicas();
    const client = await connected(first.connect('alice', { reconnectionDelay: 100 }));
    const seen = track(client);
    const other = await connected(second.connect('bob'));
    await other.emitWithAck('join_room', 'lobby');
    sendTo(client, second.url);
    await client.emitWithAck('join_room', 'lobby');
    first.child.kill('SIGKILL');
    await other.emitWithAck('send_message', { roomId: 'lobby', text: 'missed' });
    await next(client, 'connect');
    expect(client.recovered).toBe(true);
    await until('it arrives', () => has(seen, 'lobby', 'missed'));
  });

  it('ends with its window, and with a disconnect on purpose', async () => {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url, RECOVERY_MS_MAX: '500' };
    const service = await startApp(env);
    await untilReady(service.operationsUrl);
    const options = { reconnectionDelay: 1500, randomizationFactor: 0 };
    const late = await connected(service.connect('alice', options));
    late.io.engine.close();
    await next(late, 'connect');
    expect(late.recovered).toBe(false);
    const kicked = await connected(service.connect('bob'));
    service.app.io.in('user:bob').disconnectSockets();
    await next(kicked, 'disconnect');
    kicked.connect();
    await next(kicked, 'connect');
    expect(kicked.recovered).toBe(false);
    const results = await samples(service.operationsUrl, 'recoveries_total');
    expect(results).toMatchObject({ 'result="expired"': 1, 'result="unknown"': 1 });
  });

  it('goes to the newest connection, and the older one is closed', async () => {
    const redis = await startRedis();
    const [a, b] = [
      await startApp({ REDIS_URL: redis.url }),
      await startApp({ REDIS_URL: redis.url }),
    ];
    await Promise.all([untilReady(a.operationsUrl), untilReady(b.operationsUrl)]);
    const older = await connected(a.connect('alice', { reconnection: false }));
    await older.emitWithAck('join_room', 'lobby');
    const newer = b.connect('alice', { autoConnect: false });
    Reflect.set(newer, '_pid', Reflect.get(older, '_pid'));
    Reflect.set(newer, '_lastOffset', Reflect.get(older, '_lastOffset'));
    const { id } = older;
    const closed = next(older, 'disconnect');
    newer.connect();
    await next(newer, 'connect');
    await closed;
    expect([newer.recovered, newer.id]).toEqual([true, id]);
    const message = next(newer, 'new_message');
    const sent = await newer.emitWithAck('send_message', { roomId: 'lobby', text: 'still in' });
    expect(sent).toMatchObject({ ok: true });
    await message;
  });
});

it.each(['memory', 'redis'])('RECOVERY_MS_MAX=0 turns it off in %s', async (mode) => {
  const store = mode === 'redis' ? { REDIS_URL: (await startRedis()).url } : {};
  const service = await startApp({ RECOVERY_MS_MAX: '0', ...store });
  await untilReady(service.operationsUrl);
  const client = await connected(service.connect('alice', { reconnectionDelay: 100 }));
  const { id } = client;
  const again = next(client, 'connect');
  client.io.engine.close();
  await again;
  expect([client.recovered === true, client.id === id]).toEqual([false, false]);
});
