// Sessions that end, or are ended, around a moment in which a replica cannot reach Redis. Found by
// `make chaos`.
import { expect, it } from 'vitest';
import { get, post } from '../harness/backend.ts';
import { sendTo } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import { startRelay } from '../harness/relay.ts';
import {
  connected,
  next,
  samples,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

const options = { reconnectionDelay: 20, randomizationFactor: 0 };

const hasClients = async (operationsUrl: string, count: number) =>
  (await samples(operationsUrl, 'clients'))[''] === count;

it('a member whose end was not stored before the replica died can still be recovered', async () => {
  const redis = await startRedis();
  const env = { REDIS_URL: redis.url };
  const a = await startProcess(env);
  const b = await startApp(env);
  for (const { operationsUrl } of [a, b]) await untilReady(operationsUrl);
  const alice = await connected(a.connect('alice', options));
  expect(await alice.emitWithAck('join_room', 'lobby')).toMatchObject({ ok: true });
  await redis.command('ACL', 'SETUSER', 'default', '-hgetall'); // the memberships need it
  alice.disconnect();
  await until('the replica knows', () => hasClients(a.operationsUrl, 0));
  a.child.kill('SIGKILL');
  await redis.command('ACL', 'SETUSER', 'default', '+hgetall');
  sendTo(alice, b.url);
  alice.connect();
  await connected(alice);
  expect(alice.recovered).toBe(true);
  alice.disconnect();
  await until('nobody is in the room', async () => {
    const { body } = await get(b.operationsUrl, 'rooms/lobby/presence');
    return String((body as unknown as { members?: string[] }).members) === '';
  });
});

it('a session from an outage is recovered if the replica knows when the others ended', async () => {
  const redis = await startRedis();
  const relay = await startRelay(redis.port);
  const start = (url: string) => startApp({ REDIS_URL: url });
  const [a, b] = await Promise.all([start(redis.url), start(`redis://127.0.0.1:${relay.port}`)]);
  for (const { operationsUrl } of [a, b]) await untilReady(operationsUrl);
  const before = await connected(b.connect('alice', { ...options, reconnection: false }));
  const gone = next(before, 'disconnect');
  expect((await post(a.operationsUrl, 'disconnect', { users: ['alice'] })).status).toBe(202);
  await gone; // the replica has read the command
  relay.cut();
  const alice = await connected(b.connect('alice', options));
  relay.mend();
  const join = async () => (await alice.emitWithAck('join_room', 'lobby')).ok === true;
  await until('she is in the room', join);
  sendTo(alice, a.url);
  const back = next(alice, 'connect');
  alice.io.engine.close();
  await back;
  expect(alice.recovered).toBe(true);
});
