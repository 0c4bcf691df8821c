// Two installations on one Redis, with different prefixes or databases: nothing crosses. A second
// one on the same prefix does not start.
import type { Server } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { get, post } from '../harness/backend.ts';
import { sendTo } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import {
  connected,
  type Env,
  next,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

const room = 'lobby';
const admin = { sub: 'root', role: 'admin' };

/** An installation with alice and bob in a room, and an administrator. */
async function startInstallation(env: Env) {
  const service = await startApp(env);
  await untilReady(service.operationsUrl);
  const join = async (user: string) => {
    const client = await connected(service.connect(user, { reconnectionDelay: 50 }));
    await client.emitWithAck('join_room', room);
    return client;
  };
  const [alice, bob] = [await join('alice'), await join('bob')];
  const root = service.connect(admin, { namespace: '/admin' });
  await next(root, 'welcome');
  return { ...service, io: service.app.io as unknown as Server, alice, bob, root };
}

type Installation = Awaited<ReturnType<typeof startInstallation>>;

/** Everything that the clients of an installation and its server get from now on. */
function everythingIn({ io, alice, bob, root }: Installation): unknown[] {
  const seen: unknown[] = [];
  for (const client of [alice, bob, root]) {
    client.onAny((...args: unknown[]) => void seen.push(args));
    client.on('disconnect', (reason) => void seen.push(reason));
  }
  io.on('from_server', () => void seen.push('from_server'));
  return seen;
}

/** Every path on which processes reach each other through Redis, except for commands. */
async function useEveryPath({ io, alice, bob, root, operationsUrl }: Installation) {
  const events = ['new_message', 'user_typing', 'announcement', 'to_all', 'to_user', 'user_left'];
  const heard = events.map((event) => next(bob, event));
  bob.once('question', (answer) => answer('yes'));
  await alice.emitWithAck('send_message', { roomId: room, text: 'hello', id: 'm1' });
  await alice.emitWithAck('typing', { roomId: room });
  await root.emitWithAck('broadcast_announcement', 'maintenance');
  await post(operationsUrl, 'publish', { everyone: true, event: 'to_all', data: 1, id: 'p1' });
  await post(operationsUrl, 'publish', { users: ['bob'], event: 'to_user', data: 1 });
  const asked = io.in(bob.id as string).timeout(30_000);
  expect(await asked.emitWithAck('question')).toEqual(['yes']);
  io.socketsJoin('requested');
  await until('both are in', async () => (await io.in('requested').fetchSockets()).length === 2);
  io.serverSideEmit('from_server');
  await alice.emitWithAck('leave_room', room);
  await Promise.all(heard);
}

const cases: [string, Env, Env][] = [
  ['databases', { database: '0' }, { database: '1' }],
  ['prefixes', { REDIS_PREFIX: 'mooring' }, { REDIS_PREFIX: 'mooring:staging.chat' }],
  ['databases, one with a bridge', { database: '2', BRIDGE_KEY: 'socket.io' }, { database: '1' }],
];

describe.each(cases)('installations with different %s', (_, ...envs) => {
  const start = async (): Promise<Installation[]> => {
    const { url } = await startRedis();
    return Promise.all(
      envs.map(({ database = '0', ...env }) =>
        startInstallation({ REDIS_URL: `${url}/${database}`, ...env }),
      ),
    );
  };

  it.each([0, 1])('exchange neither messages nor requests (%i)', async (first) => {
    const installations = await start();
    const used = installations[first] as Installation;
    const quiet = installations[1 - first] as Installation;
    const seen = everythingIn(quiet);
    await useEveryPath(used);
    const heard = next(quiet.bob, 'sentinel');
    quiet.io.emit('sentinel');
    await heard; // messages of the other installation would have arrived before
    expect(await quiet.io.fetchSockets()).toHaveLength(2); // requests, too
    expect(seen.filter((args) => !String(args).startsWith('sentinel'))).toEqual([]);
    expect(await quiet.io.in('requested').fetchSockets()).toEqual([]);
    await until('it knows only its own pod', async () => {
      return (await get(quiet.operationsUrl, 'pods')).body.pods?.length === 1;
    });
    expect((await get(quiet.operationsUrl, 'users/bob')).body.sockets).toHaveLength(1);
    const { body } = await get(quiet.operationsUrl, `rooms/${room}/presence`);
    expect(body).toMatchObject({ members: ['alice', 'bob'] });
    const history = await get(quiet.operationsUrl, `rooms/${room}/history`);
    expect(history.body).toMatchObject({ messages: [] });
    const again = { roomId: room, text: 'hello', id: 'm1' };
    const own = next(quiet.bob, 'new_message');
    await quiet.alice.emitWithAck('send_message', again); // idempotency keys are their own, too
    await own;
  });

  it('run only their own commands, and recover only their own sessions', async () => {
    const [one, other] = (await start()) as [Installation, Installation];
    const seen = everythingIn(other);
    const gone = next(one.bob, 'disconnect');
    await post(one.operationsUrl, 'disconnect', { users: ['bob'] });
    await post(one.operationsUrl, 'revoke', { userId: 'alice' });
    await gone;
    const last = next(other.bob, 'disconnect');
    await post(other.operationsUrl, 'disconnect', { users: ['bob'] });
    await last; // so it has read its commands
    expect(seen).toEqual(['io server disconnect']);
    const { root } = one;
    sendTo(other.alice, one.url);
    other.alice.io.engine.close();
    const [refused] = await next(other.alice, 'connect_error'); // revoked there, not here
    expect(refused).toMatchObject({ data: { code: 'invalid_token' } });
    sendTo(root, other.url);
    root.io.engine.close();
    await next(root, 'connect');
    expect(root.recovered).toBe(false);
  });
});

describe('a second installation on one prefix', () => {
  it('does not start, and says which one uses it', async () => {
    const { url } = await startRedis();
    const first = await startInstallation({ REDIS_URL: url, INSTALLATION: 'production/chat' });
    const seen = everythingIn(first);
    const env = { REDIS_URL: url, INSTALLATION: 'staging/chat' };
    const second = await startProcess(env);
    expect(await second.exited).toEqual([78, null]);
    expect(second.output()).toBe(
      'The installation production/chat uses the prefix mooring of this Redis: set REDIS_PREFIX ' +
        'to another one, or stop the other installation and wait for a minute\n',
    );
    expect(seen).toEqual([]);
    const same = await startApp({ REDIS_URL: url, INSTALLATION: 'production/chat' });
    await untilReady(same.operationsUrl); // another replica
    const apart = await startApp({ ...env, REDIS_PREFIX: 'staging' });
    await untilReady(apart.operationsUrl);
  });

  it('is reported by one that lost its prefix while it was cut off', async () => {
    const redis = await startRedis();
    const service = await startApp({ REDIS_URL: redis.url, INSTALLATION: 'production/chat' });
    await untilReady(service.operationsUrl);
    await redis.command('SET', 'mooring:{stores}:installation', 'staging/chat');
    await until('it is reported', () =>
      service.logged.some(({ err }) => /staging\/chat uses/.test((err as Error)?.message)),
    );
  });
});
