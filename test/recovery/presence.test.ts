// Presence belongs to the session: it moves with the client, survives outages, and ends with it.
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { mintToken } from '../../service/auth/tokens.ts';
import { get, post } from '../harness/backend.ts';
import { recording } from '../harness/chat.ts';
import { sendTo } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import {
  connected,
  type Env,
  next,
  samples,
  secret,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

type Service = Awaited<ReturnType<typeof startApp>>;

const options = { reconnectionDelay: 20, randomizationFactor: 0 };

async function replicas(env: Env = {}) {
  const redis = await startRedis();
  const start = async (POD_NAME: string) => {
    const service = await startApp({ REDIS_URL: redis.url, POD_NAME, ...env });
    await untilReady(service.operationsUrl);
    return service;
  };
  const [a, b] = await Promise.all([start('a'), start('b')]);
  return { redis, a: a as Service, b: b as Service };
}

async function inMemory() {
  const service = await startApp();
  return { a: service, b: service };
}

const deployments = [
  ['in memory', inMemory],
  ['with Redis and two replicas', replicas],
] as const;

async function member(service: Service, user: string, room = 'lobby') {
  const client = await connected(service.connect(user, options));
  expect(await client.emitWithAck('join_room', room)).toMatchObject({ ok: true });
  return client;
}

/** Moves a client to another replica, where it is recovered. */
async function move(client: Socket, to: Service) {
  sendTo(client, to.url);
  const back = next(client, 'connect');
  client.io.engine.close();
  await back;
  expect(client.recovered).toBe(true);
}

/** Loses its connection, and does not come back by itself. */
async function lose(client: Socket) {
  client.io.reconnection(false);
  const gone = next(client, 'disconnect');
  client.io.engine.close();
  await gone;
}

const membersOf = async ({ operationsUrl }: Service, room = 'lobby') => {
  const { body } = await get(operationsUrl, `rooms/${room}/presence`);
  return (body as unknown as { members?: string[] }).members?.sort();
};
const untilMembers = (service: Service, members: string[], room = 'lobby') =>
  until(`${members} are in ${room}`, async () => {
    return String(await membersOf(service, room)) === String(members);
  });

describe.each(deployments)('presence %s', (_, start) => {
  it('follows a client that returns to a replica that it had left', async () => {
    const { a, b } = await start();
    const alice = await member(a, 'alice');
    const left = recording(alice, 'user_left');
    const joined = recording(alice, 'user_joined');
    const bob = await member(a, 'bob');
    await move(bob, b);
    await bob.emitWithAck('join_room', 'kitchen');
    await bob.emitWithAck('leave_room', 'lobby');
    await move(bob, a);
    expect(await membersOf(a, 'kitchen')).toEqual(['bob']);
    expect(await membersOf(a)).toEqual(['alice']);
    await bob.emitWithAck('join_room', 'lobby');
    await move(bob, b);
    await move(bob, a);
    bob.disconnect();
    await until('bob has left twice', () => left.length === 2);
    expect([joined, left]).toEqual(
      Array(2).fill(Array(2).fill({ roomId: 'lobby', userId: 'bob' })),
    );
    await untilMembers(a, [], 'kitchen');
  });

  it('shows what a user has set, wherever the client moves, until it leaves', async () => {
    const { a, b } = await start();
    const alice = await member(a, 'alice');
    const updated = recording(alice, 'user_updated');
    const bob = await member(a, 'bob');
    const presence = { name: 'Bob', status: 'away' };
    await bob.emitWithAck('set_presence', { roomId: 'lobby', presence });
    const shown = async () => {
      const { members } = await alice.emitWithAck('members', { roomId: 'lobby' });
      return members.find(({ userId }: { userId: string }) => userId === 'bob');
    };
    await move(bob, b);
    await bob.emitWithAck('join_room', 'kitchen'); // writes all of the session
    expect(await shown()).toEqual({ userId: 'bob', presence });
    await move(bob, a);
    await bob.emitWithAck('leave_room', 'kitchen');
    expect(await shown()).toEqual({ userId: 'bob', presence });
    await bob.emitWithAck('leave_room', 'lobby');
    await bob.emitWithAck('join_room', 'lobby');
    expect(await shown()).toEqual({ userId: 'bob' });
    expect(updated).toEqual([{ roomId: 'lobby', userId: 'bob', presence }]);
  });

  it('ends with a disconnect, a revocation or the user’s own leave after a move', async () => {
    const { a, b } = await start();
    const alice = await member(a, 'alice');
    const left = recording(alice, 'user_left');
    const expectLeft = async (userId: string) => {
      await until(`${userId} has left`, () => left.length > 0);
      expect(left.splice(0)).toEqual([{ roomId: 'lobby', userId }]);
      expect(await membersOf(a)).toEqual(['alice']);
    };
    for (const [user, act] of Object.entries({
      bob: (client: Socket) => client.disconnect(),
      carol: () => post(a.operationsUrl, 'disconnect', { users: ['carol'] }),
      dave: (client: Socket) => post(a.operationsUrl, 'disconnect', { sockets: [client.id] }),
      erin: () => post(a.operationsUrl, 'revoke', { userId: 'erin' }),
    })) {
      const client = await member(a, user);
      await move(client, b);
      await act(client);
      await expectLeft(user);
    }
  });

  it('ends with the session when a backend disconnects who has lost the connection', async () => {
    const { a, b } = await start();
    const alice = await member(a, 'alice');
    const left = recording(alice, 'user_left');
    for (const [user, command] of [
      ['bob', () => post(b.operationsUrl, 'disconnect', { users: ['bob'] })],
      ['carol', (sid: string) => post(b.operationsUrl, 'disconnect', { sockets: [sid] })],
      ['dave', () => post(b.operationsUrl, 'revoke', { userId: 'dave', before: 0 })],
    ] as const) {
      const client = await member(a, user);
      const sid = client.id as string;
      await lose(client);
      await until('the server knows', async () => {
        return (await get(a.operationsUrl, `users/${user}`)).body.sockets.length === 0;
      });
      expect(await membersOf(a)).toEqual(['alice', user]);
      expect((await command(sid)).status).toBe(202);
      expect(await membersOf(a)).toEqual(['alice']);
      await until(`${user} has left`, () => left.length > 0);
      expect(left.splice(0)).toEqual([{ roomId: 'lobby', userId: user }]);
      sendTo(client, b.url);
      client.connect();
      await connected(client);
      expect(client.recovered).toBe(false);
      const asked = await client.emitWithAck('history', { roomId: 'lobby' });
      expect(asked).toMatchObject({ error: { code: 'not_in_room' } });
    }
  });

  it('tells of the first socket of a user in a room, and of the last', async () => {
    const { a, b } = await start();
    const alice = await member(a, 'alice');
    const joined = recording(alice, 'user_joined');
    const left = recording(alice, 'user_left');
    const tab = await member(a, 'bob');
    const otherTab = await member(b, 'bob');
    await tab.emitWithAck('leave_room', 'lobby');
    otherTab.disconnect();
    await until('bob has left', () => left.length > 0);
    expect([joined, left]).toEqual([1, 2].map(() => [{ roomId: 'lobby', userId: 'bob' }]));
  });
});

describe('presence in an outage of Redis', () => {
  const refused = { ok: false, error: { code: 'unavailable', retryable: true } };

  it('refuses joins and leaves that did not happen, and a retry does all of it', async () => {
    const { redis, a, b } = await replicas();
    const alice = await member(b, 'alice');
    const bob = await member(a, 'bob', 'kitchen');
    await alice.emitWithAck('join_room', 'kitchen');
    const joined = recording(alice, 'user_joined');
    const left = recording(alice, 'user_left');
    await redis.kill();
    await until('it notices', async () => (await samples(a.operationsUrl, 'redis_up'))[''] === 0);
    expect(await bob.emitWithAck('join_room', 'lobby')).toMatchObject(refused);
    expect(await bob.emitWithAck('leave_room', 'kitchen')).toMatchObject(refused);
    const typing = async (roomId: string) => (await bob.emitWithAck('typing', { roomId })).ok;
    expect([await typing('lobby'), await typing('kitchen')]).toEqual([false, true]);
    await redis.start();
    const retry = (event: string, roomId: string) =>
      until(`${event} succeeds`, async () => {
        const reply = await bob.emitWithAck(event, roomId);
        if (!reply.ok) expect(reply).toMatchObject(refused);
        return reply.ok;
      });
    await retry('join_room', 'lobby');
    await retry('leave_room', 'kitchen');
    await untilMembers(b, ['alice', 'bob']); // once it has Redis, too
    expect(await membersOf(b, 'kitchen')).toEqual(['alice']);
    await until('alice knows', () => joined.length > 0 && left.length > 0);
    expect(joined).toEqual([{ roomId: 'lobby', userId: 'bob' }]);
    expect(left).toEqual([{ roomId: 'kitchen', userId: 'bob' }]);
    await move(bob, b); // both are saved
    expect([await typing('lobby'), await typing('kitchen')]).toEqual([true, false]);
  });

  it('stays right if Redis hangs until a join was refused, and then runs it', async () => {
    const { redis, a, b } = await replicas();
    const alice = await member(b, 'alice');
    const bob = await connected(a.connect('bob', options));
    const joined = recording(alice, 'user_joined');
    const left = recording(alice, 'user_left');
    redis.signal('SIGSTOP');
    expect(await bob.emitWithAck('join_room', 'lobby')).toMatchObject(refused);
    redis.signal('SIGCONT');
    await untilMembers(b, ['alice']);
    await until('alice received both or none', () => joined.length === left.length);
    const again = async () => (await bob.emitWithAck('join_room', 'lobby')).ok;
    await until('a retry succeeds', again);
    await until('alice knows', () => joined.length === left.length + 1);
    expect(await membersOf(b)).toEqual(['alice', 'bob']);
  });
});

describe('presence of who does not come back', () => {
  it('ends with the process that is killed, once nobody can be recovered any more', async () => {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url, RECOVERY_MS_MAX: '1000' };
    const a = await startProcess(env);
    const b = await startApp(env);
    for (const { operationsUrl } of [a, b]) await untilReady(operationsUrl);
    const alice = await member(b, 'alice');
    const bob = await connected(a.connect('bob', { reconnection: false }));
    await bob.emitWithAck('join_room', 'lobby');
    const left = next(alice, 'user_left');
    a.child.kill('SIGKILL');
    expect((await left)[0]).toEqual({ roomId: 'lobby', userId: 'bob' });
    expect(await membersOf(b)).toEqual(['alice']);
  });

  it('ends without recovery as soon as the connection is gone', async () => {
    const { a, b } = await replicas({ RECOVERY_MS_MAX: '0' });
    const alice = await member(b, 'alice');
    const bob = await member(a, 'bob');
    const left = next(alice, 'user_left');
    await lose(bob);
    expect((await left)[0]).toEqual({ roomId: 'lobby', userId: 'bob' });
    expect(await membersOf(b)).toEqual(['alice']);
  });

  it('ends with the token, if the client has no new one', async () => {
    const { a, b } = await replicas({ RECOVERY_MS_MAX: '1000' });
    const alice = await member(b, 'alice');
    const token = mintToken(secret, { sub: 'bob' }, 2);
    const bob = await connected(a.connect(undefined, { ...options, token }));
    await bob.emitWithAck('join_room', 'lobby');
    const left = next(alice, 'user_left');
    await next(bob, 'connect_error');
    expect((await left)[0]).toEqual({ roomId: 'lobby', userId: 'bob' });
  });
});
