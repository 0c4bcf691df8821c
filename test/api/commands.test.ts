// Commands from backends to every replica: disconnect sockets, revoke tokens.
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { mintToken } from '../../service/auth/tokens.ts';
import { deployments, get, post } from '../harness/backend.ts';
import { sendTo } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import { startRelay } from '../harness/relay.ts';
import {
  connected,
  next,
  samples,
  secret,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

/** A token that was issued this many seconds ago. */
function issued(user: string, secondsAgo: number): string {
  const iat = Math.floor(Date.now() / 1000) - secondsAgo;
  return mintToken(secret, { sub: user, iat } as { sub: string }, 600);
}

const reasonOf = (client: Socket) => next(client, 'disconnect').then(([reason]) => reason);
const refusalOf = async (client: Socket) => {
  const [error] = await next(client, 'connect_error');
  return (error as { data: { code: string } }).data.code;
};

describe.each(deployments)('a command %s', (_, start) => {
  it('disconnect users and sockets on every replica, without automatic reconnect', async () => {
    const [one, two] = await start();
    const [alice, other, bob] = await Promise.all(
      [one.connect('alice'), two.connect('alice'), two.connect('bob')].map(connected),
    );
    const gone = Promise.all([alice, other].map((client) => reasonOf(client as Socket)));
    const users = await post(one.operationsUrl, 'disconnect', { users: ['alice'] });
    expect(users.status).toBe(202);
    expect(await gone).toEqual(['io server disconnect', 'io server disconnect']);
    expect(bob?.connected).toBe(true);
    const kicked = reasonOf(bob as Socket);
    await post(one.operationsUrl, 'disconnect', { sockets: [bob?.id] });
    expect(await kicked).toBe('io server disconnect');
    bob?.connect(); // which it is allowed to do
    await connected(bob as Socket);
    expect(bob?.recovered).toBe(false);
  });

  it('spare who has connected again, also where they are read later', async () => {
    const [one, two] = await start();
    const [alice, bob] = await Promise.all(
      [one.connect('alice'), two.connect('bob')].map(connected),
    );
    const gone = reasonOf(alice as Socket);
    await post(one.operationsUrl, 'disconnect', { users: ['alice'] });
    await gone;
    sendTo(alice as Socket, two.url);
    alice?.connect();
    await connected(alice as Socket);
    const { id } = alice as Socket;
    const last = reasonOf(bob as Socket);
    await post(one.operationsUrl, 'disconnect', { users: ['bob'] });
    expect(await last).toBe('io server disconnect'); // so this replica has read both
    expect([alice?.connected, alice?.id]).toEqual([true, id]);
  });

  it('revoke the tokens of one user only', async () => {
    const [one, two] = await start();
    const [old, fresh] = [issued('alice', 20), issued('alice', 0)];
    const at = (service: typeof one, token: string) => service.connect(undefined, { token });
    const clients = [at(one, old), at(two, old), at(two, fresh), two.connect('bob')];
    await Promise.all(clients.map(connected));
    const [first, second, renewed, bob] = clients as [Socket, Socket, Socket, Socket];
    const gone = Promise.all([reasonOf(first), reasonOf(second)]);
    const before = Date.now() - 10_000;
    const answer = await post(one.operationsUrl, 'revoke', { userId: 'alice', before });
    expect(answer).toEqual({ status: 202, body: { userId: 'alice', before } });
    for (const service of [one, two]) {
      expect(await refusalOf(at(service, old))).toBe('invalid_token'); // at once
      await connected(at(service, fresh));
    }
    expect(await gone).toEqual(['io server disconnect', 'io server disconnect']);
    expect([renewed.connected, bob.connected]).toEqual([true, true]);
    const refreshed = await renewed.emitWithAck('refresh_token', old);
    expect(refreshed).toMatchObject({ ok: false, error: { code: 'invalid_token' } });
    await post(one.operationsUrl, 'revoke', { userId: 'alice', before: before - 5_000 });
    expect(await refusalOf(at(two, old))).toBe('invalid_token'); // a revocation is never moved back
    const closed = reasonOf(renewed);
    const now = await post(two.operationsUrl, 'revoke', { userId: 'alice' });
    expect(Math.abs(now.body.before - Date.now())).toBeLessThan(5_000);
    expect(await closed).toBe('io server disconnect');
  });

  it('delete the session of a revoked token', async () => {
    const [one, two] = await start();
    const results = async () => (await samples(two.operationsUrl, 'recoveries_total')) as object;
    const client = one.connect(undefined, { token: issued('alice', 20), reconnection: false });
    await connected(client);
    await client.emitWithAck('join_room', 'secret');
    client.io.engine.close(); // its session stays in Redis
    const isGone = async () =>
      (await get(one.operationsUrl, 'users/alice')).body.sockets.length === 0;
    await until('the server knows', isGone);
    await post(one.operationsUrl, 'revoke', { userId: 'alice', before: Date.now() - 10_000 });
    client.auth = { ...client.auth, token: issued('alice', 0) };
    sendTo(client, two.url);
    client.connect();
    await connected(client);
    expect(client.recovered).toBe(false);
    expect(await results()).toMatchObject({ 'result="refused"': 1 });
    const asked = await client.emitWithAck('history', { roomId: 'secret' });
    expect(asked).toMatchObject({ error: { code: 'not_in_room' } });
  });
});

describe('commands', () => {
  it('reach a socket that connects after them with a token verified before', async () => {
    const { app, operationsUrl, connect } = await startApp();
    const entered = Promise.withResolvers<() => void>();
    app.io.use((_, next) => entered.resolve(next));
    const client = connect(undefined, { token: issued('alice', 20) });
    const enter = await entered.promise;
    await post(operationsUrl, 'revoke', { userId: 'alice' });
    enter();
    await connected(client);
    expect(await reasonOf(client)).toBe('io server disconnect');
  });

  it('answer 503 while Redis is unavailable, instead of doing nothing', async () => {
    const server = await startRedis();
    const { operationsUrl } = await startApp({ REDIS_URL: server.url });
    await untilReady(operationsUrl);
    await server.kill();
    for (const [path, body] of [
      ['disconnect', { users: ['alice'] }],
      ['revoke', { userId: 'alice' }],
    ] as const) {
      const answer = await post(operationsUrl, path, body);
      expect(answer).toMatchObject({ status: 503, body: { retryable: true } });
    }
    for (const path of ['rooms/lobby/presence', 'rooms/lobby/history', 'users/alice']) {
      expect((await get(operationsUrl, path)).status).toBe(503);
    }
  });

  it('reach a replica that lost Redis as soon as it reconnects', async () => {
    const server = await startRedis();
    const relay = await startRelay(server.port);
    const near = await startApp({ REDIS_URL: server.url });
    const far = await startApp({ REDIS_URL: `redis://127.0.0.1:${relay.port}` });
    for (const { operationsUrl } of [near, far]) await untilReady(operationsUrl);
    const token = issued('alice', 20);
    const alice = await connected(far.connect(undefined, { token }));
    const bob = await connected(far.connect('bob'));
    relay.cut();
    await until('far notices', async () => {
      return (await samples(far.operationsUrl, 'redis_up'))[''] === 0;
    });
    const gone = Promise.all([alice, bob].map(reasonOf));
    const revoke = await post(near.operationsUrl, 'revoke', { userId: 'alice' });
    const disconnect = await post(near.operationsUrl, 'disconnect', { users: ['bob'] });
    expect([revoke.status, disconnect.status]).toEqual([202, 202]);
    expect([alice.connected, bob.connected]).toEqual([true, true]);
    relay.mend();
    expect(await gone).toEqual(['io server disconnect', 'io server disconnect']);
    expect(await refusalOf(far.connect(undefined, { token }))).toBe('invalid_token');
  });

  it('reach every worker of a replica', async () => {
    const { url } = await startRedis();
    const service = await startProcess({ WORKERS: '2', REDIS_URL: url });
    await untilReady(service.operationsUrl);
    const clients = Array.from({ length: 4 }, () => service.connect('alice'));
    await Promise.all(clients.map(connected));
    const gone = Promise.all(clients.map(reasonOf));
    const { body } = await get(service.operationsUrl, 'users/alice');
    expect(body.sockets).toHaveLength(4);
    const answer = await post(service.operationsUrl, 'revoke', { userId: 'alice' });
    expect(answer.status).toBe(202);
    expect(new Set(await gone)).toEqual(new Set(['io server disconnect']));
  });
});
