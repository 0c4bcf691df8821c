// Presence in rooms that get diffs, on several replicas.
import { describe, expect, it } from 'vitest';
import { get } from '../harness/backend.ts';
import { recording } from '../harness/chat.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, startApp, startProcess, until, untilReady } from '../harness/service.ts';

interface Diff {
  count: number;
  joined: string[];
  left: string[];
}

async function member({ connect }: Pick<Service, 'connect'>, user: string) {
  const client = await connected(connect(user));
  expect(await client.emitWithAck('join_room', 'lobby')).toMatchObject({ ok: true });
  return client;
}

type Service = Awaited<ReturnType<typeof startApp>>;

describe('presence in a large room on two replicas', () => {
  const env = { PRESENCE_EVENTS_MEMBERS_MAX: '2' };

  it('reaches the members of both as one diff about once a second', async () => {
    const { url } = await startRedis();
    const start = (POD_NAME: string) => startApp({ ...env, REDIS_URL: url, POD_NAME });
    const [a, b] = [await start('a'), await start('b')];
    for (const { operationsUrl } of [a, b]) await untilReady(operationsUrl);
    const watchers = [await member(a, 'alice'), await member(b, 'bob')];
    const diffs = watchers.map((watcher) => recording(watcher, 'presence_diff') as Diff[]);
    const startedAt = performance.now();
    const users = Array.from({ length: 20 }, (_, i) => `user-${i}`);
    for (const [i, user] of users.entries()) await member(i % 2 === 0 ? a : b, user);
    const [own, other] = diffs as [Diff[], Diff[]];
    await until('both know all', () => own.at(-1)?.count === 22 && other.at(-1)?.count === 22);
    const seconds = (performance.now() - startedAt) / 1_000;
    expect(own).toEqual(other);
    expect(own.length).toBeLessThanOrEqual(2 + seconds / 0.7);
    const joined = own.flatMap((diff) => diff.joined);
    expect(joined.toSorted()).toEqual(users.toSorted()); // each once
  });

  it('reaches them although the process that was to send it is killed', async () => {
    const redis = await startRedis();
    const all = { ...env, REDIS_URL: redis.url, RECOVERY_MS_MAX: '1000' };
    const a = await startProcess(all);
    const b = await startApp(all);
    for (const { operationsUrl } of [a, b]) await untilReady(operationsUrl);
    const alice = await member(b, 'alice');
    const diffs = recording(alice, 'presence_diff') as Diff[];
    const users = ['bob', 'carol', 'dave', 'erin'];
    for (const user of users) {
      const client = await connected(a.connect(user, { reconnection: false }));
      await client.emitWithAck('join_room', 'lobby');
    }
    a.child.kill('SIGKILL');
    await until('alice knows that they are gone', () => diffs.at(-1)?.count === 1);
    const members = new Set<string>();
    for (const { joined, left } of diffs) {
      for (const userId of joined) members.add(userId);
      for (const userId of left) members.delete(userId);
    }
    expect([...members].filter((user) => users.includes(user))).toEqual([]);
    const { body } = await get(b.operationsUrl, 'rooms/lobby/presence');
    expect(body).toEqual({ roomId: 'lobby', members: ['alice'] });
  });
});
