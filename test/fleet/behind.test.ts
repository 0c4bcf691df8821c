// A process that receives no messages while its peers do moves its clients to these.
import { expect, it, onTestFinished } from 'vitest';
import { canTakeOver, watchBehind } from '../../service/fleet/behind.ts';
import { clean, joined, judge, rotate } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import { startRelay } from '../harness/relay.ts';
import { replica } from '../harness/replica.ts';
import {
  connected,
  readyStatus,
  samples,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

/** Three replicas, each with a way to Redis of its own. */
async function startFleet(behindMsMax: number) {
  const redis = await startRedis();
  const start = async (name: string) => {
    const relay = await startRelay(redis.port);
    const service = await startProcess({
      REDIS_URL: `redis://127.0.0.1:${relay.port}`,
      POD_NAME: name,
      BEHIND_MS_MAX: `${behindMsMax}`,
    });
    await untilReady(service.operationsUrl);
    return { ...service, relay };
  };
  const replicas = await Promise.all(['a', 'b', 'c'].map(start));
  // The last one knows its peers by their heartbeats once Redis has told it of them.
  const [, , last] = replicas as [Replica, Replica, Replica];
  const headers = { Authorization: 'Bearer an api key for tests' };
  await until('it knows its peers', async () => {
    const answer = await fetch(`${last.operationsUrl}/v1/pods`, { headers });
    return ((await answer.json()) as { pods: object[] }).pods.length === 3;
  });
  return { redis, replicas: replicas as [Replica, Replica, Replica] };
}
type Replica = Awaited<ReturnType<typeof startProcess>> & {
  relay: Awaited<ReturnType<typeof startRelay>>;
};

const liveOf = async ({ operationsUrl }: Replica) => (await samples(operationsUrl, 'live'))[''];

it('a replica that alone is cut off from Redis moves its clients; nothing is lost', async () => {
  const { replicas } = await startFleet(1_000);
  const [first, , cutOff] = replicas;
  const options = { transports: ['websocket'], reconnectionDelay: 50 };
  const { client: writer } = await joined(first.connect('writer', options), ['lobby']);
  const readers = await Promise.all(
    Array.from({ length: 10 }, async (_, i) => {
      const client = cutOff.connect(`reader-${i}`, options);
      rotate(client, [first.url, cutOff.url]);
      return joined(client, ['lobby']);
    }),
  );
  cutOff.relay.cut();
  await until('it is not live', async () => (await liveOf(cutOff)) === 0);
  expect(await liveOf(first)).toBe(1);
  const texts = ['1', '2', '3'];
  for (const text of texts) await writer.emitWithAck('send_message', { roomId: 'lobby', text });
  await until('all came back elsewhere', () =>
    readers.every(({ seen }) => seen.recovered.length > 0),
  );
  await until('all have got it', () =>
    readers.every(({ seen }) => seen.texts.get('lobby')?.includes('3')),
  );
  for (const { seen } of readers) {
    expect(seen.recovered).toEqual([true]);
    expect(judge(seen, new Map([['lobby', texts]]), ['lobby'])).toEqual(clean);
  }
  expect(await readyStatus(cutOff.operationsUrl)).toBe(503);
  const state = await (await fetch(`${cutOff.operationsUrl}/readyz`)).json();
  expect(state).toEqual({ ready: false, live: false, reason: 'behind' });
  const handshake = await fetch(`${cutOff.url}/socket.io/?EIO=4&transport=polling`);
  expect(handshake.status).toBe(503);
  cutOff.relay.mend();
  await untilReady(cutOff.operationsUrl);
  await connected(cutOff.connect('late', options));
});

it('no replica moves its clients while Redis is unavailable for all', async () => {
  const { redis, replicas } = await startFleet(6_000); // replicas may find Redis seconds apart
  const [first] = replicas;
  const options = { transports: ['websocket'] };
  const { client, seen } = await joined(first.connect('reader', options), ['lobby']);
  await redis.kill();
  await until('no replica is live', async () =>
    (await Promise.all(replicas.map(liveOf))).every((live) => live === 0),
  );
  // Several checks later, by the count of failed self-probes, which come every two seconds.
  const failed = async () => (await samples(first.operationsUrl, 'probe_failures_total'))[''] ?? 0;
  await until('a while has passed', async () => (await failed()) >= 4);
  expect(await Promise.all(replicas.map((one) => readyStatus(one.operationsUrl)))).toEqual([
    200, 200, 200,
  ]);
  await redis.start();
  await until('all are live', async () =>
    (await Promise.all(replicas.map(liveOf))).every((live) => live === 1),
  );
  await client.emitWithAck('send_message', { roomId: 'lobby', text: 'after' });
  expect(seen.recovered).toEqual([]); // it has not lost its connection
});

it('a process whose catch-up does not end is behind, by the heartbeats of its peers', async () => {
  const states: boolean[] = [];
  let live = true;
  let peersAreLive = true;
  const watch = watchBehind({
    isLive: () => live,
    peers: () => ({ at: performance.now(), others: [replica({ live: peersAreLive }), replica()] }),
    behindMsMax: 1,
    changed: (behind) => states.push(behind),
  });
  onTestFinished(watch.close);
  live = false;
  await until('it is behind', watch.isBehind);
  peersAreLive = false; // one still is
  live = true;
  await until('it is over', () => !watch.isBehind());
  expect(states).toEqual([true, false]);
});

it.each([
  ['one of one', 1, 1, true],
  ['one of two', 1, 2, false],
  ['two of three', 2, 3, true],
  ['none', 0, 3, false],
  ['none, alone', 0, 0, false],
])('live peers can take over: %s', (_, live, peers, expected) => {
  expect(canTakeOver(live, peers)).toBe(expected);
});
