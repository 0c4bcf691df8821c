// Sessions that end, or are ended, around a moment in which a replica cannot reach Redis. Found by
// `make chaos`.
import { expect, it } from 'vitest';
import { get } from '../harness/backend.ts';
import { sendTo } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import {
  connected,
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
