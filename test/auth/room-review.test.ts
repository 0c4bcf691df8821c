// Rooms do not outlive the right to them: after a refresh, after recovery, and while time passes.
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { recording } from '../harness/chat.ts';
import { sendTo } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import {
  type Claims,
  connected,
  next,
  startApp,
  tokenFor,
  until,
  untilReady,
} from '../harness/service.ts';
import { startWebhook } from '../harness/webhook.ts';

/** Two replicas, or one twice. */
async function start(mode: string, env: Record<string, string>) {
  if (mode === 'memory') {
    const service = await startApp(env);
    return [service, service] as const;
  }
  const { url } = await startRedis();
  const launch = async (POD_NAME: string) => {
    const service = await startApp({ ...env, REDIS_URL: url, POD_NAME });
    await untilReady(service.operationsUrl);
    return service;
  };
  return Promise.all([launch('a'), launch('b')]);
}

async function withAlice(
  mode: string,
  claims: Claims,
  env: Record<string, string>,
  rooms: string[],
) {
  const [one, two] = await start(mode, env);
  const alice = await connected(one.connect(claims, { reconnection: false }));
  const bob = await connected(two.connect({ sub: 'bob', rooms: ['*'] }));
  for (const client of [alice, bob]) {
    for (const room of rooms) {
      expect(await client.emitWithAck('join_room', room)).toMatchObject({ ok: true });
    }
  }
  const say = (roomId: string, text: string) => bob.emitWithAck('send_message', { roomId, text });
  /** Cuts her connection, lets bob speak, and returns her to the other replica. */
  const recover = async (token: string, meanwhile: () => Promise<unknown>) => {
    const received = next(alice, 'new_message');
    await say(rooms.at(-1) as string, 'before');
    await received;
    alice.io.engine.close();
    await meanwhile();
    alice.auth = { ...alice.auth, token };
    sendTo(alice, two.url);
    alice.connect();
    await connected(alice);
  };
  return { one, two, alice, bob, say, recover };
}

const textsOf = (messages: unknown[]) => messages.map((one) => (one as { text: string }).text);
const refusedIn = async (client: Socket, roomId: string) => {
  const answers = [
    await client.emitWithAck('send_message', { roomId, text: 'still here' }),
    await client.emitWithAck('history', { roomId }),
    await client.emitWithAck('typing', { roomId }),
  ];
  return answers.map(({ error }) => error?.code);
};
const outside = ['not_in_room', 'not_in_room', 'not_in_room'];

describe.each(['memory', 'redis'])('with sessions in %s', (mode) => {
  const claims = { ROOM_ACCESS: 'claims' };
  const member = { sub: 'alice', rooms: ['team-*', 'lobby'] };

  it('a refreshed token ends the rooms that it does not cover, before the answer', async () => {
    const { alice, bob, say } = await withAlice(mode, member, claims, ['team-1', 'lobby']);
    const ended = recording(alice, 'access_ended');
    const seen = recording(alice, 'new_message');
    const left = next(bob, 'user_left');
    const reduced = tokenFor({ sub: 'alice', rooms: ['lobby'] });
    expect(await alice.emitWithAck('refresh_token', reduced)).toMatchObject({ ok: true });
    expect(ended).toEqual([{ roomId: 'team-1', code: 'access_denied', retryable: false }]);
    expect(await refusedIn(alice, 'team-1')).toEqual(outside);
    expect((await left)[0]).toEqual({ roomId: 'team-1', userId: 'alice' });
    const denied = await alice.emitWithAck('join_room', 'team-1');
    expect(denied).toMatchObject({ error: { code: 'access_denied' } });
    await say('team-1', 'secret');
    const last = next(alice, 'new_message');
    await say('lobby', 'public');
    await last;
    expect(textsOf(seen)).toEqual(['public']);
  });

  it('a session is recovered without the rooms that the new token does not cover', async () => {
    const { alice, recover, say } = await withAlice(mode, member, claims, ['team-1', 'lobby']);
    const ended = recording(alice, 'access_ended');
    const seen = recording(alice, 'new_message');
    await recover(tokenFor({ sub: 'alice', rooms: ['lobby'] }), async () => {
      await say('team-1', 'secret');
      await say('lobby', 'missed');
    });
    expect(alice.recovered).toBe(true);
    await until('she gets it', () => ended.length > 0);
    expect(ended).toEqual([{ roomId: 'team-1', code: 'access_denied', retryable: false }]);
    expect(await refusedIn(alice, 'team-1')).toEqual(outside);
    await say('team-1', 'secret again');
    const last = next(alice, 'new_message');
    await say('lobby', 'live');
    await last;
    expect(textsOf(seen)).toEqual(['before', 'missed', 'live']);
  });

  it('the webhook is asked again by a refresh, with the new role', async () => {
    const webhook = await startWebhook();
    const env = { ROOM_ACCESS: 'webhook', ROOM_ACCESS_URL: webhook.url };
    const { alice } = await withAlice(mode, { sub: 'alice', role: 'boss' }, env, ['a', 'b']);
    const ended = recording(alice, 'access_ended');
    webhook.denied.add('a');
    webhook.asked.length = 0;
    await alice.emitWithAck('refresh_token', tokenFor({ sub: 'alice', role: 'guest' }));
    expect(webhook.asked).toEqual([
      { userId: 'alice', role: 'guest', roomId: 'a' },
      { userId: 'alice', role: 'guest', roomId: 'b' },
    ]);
    expect(ended).toEqual([{ roomId: 'a', code: 'access_denied', retryable: false }]);
    expect(await refusedIn(alice, 'a')).toEqual(outside);
  });

  it('a refresh changes nothing while the webhook fails', async () => {
    const webhook = await startWebhook();
    const env = { ROOM_ACCESS: 'webhook', ROOM_ACCESS_URL: webhook.url };
    const { one, alice } = await withAlice(mode, { sub: 'alice', role: 'boss' }, env, ['a']);
    webhook.status = 500;
    const refreshed = await alice.emitWithAck('refresh_token', tokenFor('alice', 3_600));
    expect(refreshed).toMatchObject({ error: { code: 'unavailable', retryable: true } });
    const [socket] = await one.app.io.in(alice.id as string).fetchSockets();
    expect(socket?.data.user).toEqual({ id: 'alice', role: 'boss' });
    expect(await alice.emitWithAck('typing', { roomId: 'a' })).toEqual({ ok: true });
  });

  it.each([
    ['denies', 'access_denied', false],
    ['fails for', 'unavailable', true],
  ])('recovery does not give back a room that the webhook %s', async (how, code, retryable) => {
    const webhook = await startWebhook();
    const env = { ROOM_ACCESS: 'webhook', ROOM_ACCESS_URL: webhook.url };
    const { alice, say, recover } = await withAlice(mode, { sub: 'alice' }, env, ['a']);
    const ended = recording(alice, 'access_ended');
    const seen = recording(alice, 'new_message');
    await recover(tokenFor('alice'), async () => {
      await say('a', 'secret');
      if (how === 'denies') webhook.denied.add('a');
      else webhook.status = 500;
    });
    expect(alice.recovered).toBe(true);
    await until('she gets it', () => ended.length > 0);
    expect(ended).toEqual([{ roomId: 'a', code, retryable }]);
    expect(await refusedIn(alice, 'a')).toEqual(outside);
    expect(textsOf(seen)).toEqual(['before']);
  });

  it('a token without the role ends /admin, also when the session is recovered', async () => {
    const [one] = await start(mode, {});
    const root = { sub: 'root', role: 'admin' };
    const demoted = tokenFor({ sub: 'root' });
    const connect = () =>
      connected(one.connect(root, { namespace: '/admin', reconnection: false }));
    const first = await connect();
    const closed = next(first, 'disconnect');
    const refreshed = await first.emitWithAck('refresh_token', demoted);
    expect(refreshed).toMatchObject({ error: { code: 'admin_only' } });
    expect((await closed)[0]).toBe('io server disconnect');
    const second = await connect();
    second.io.engine.close();
    second.auth = { ...second.auth, token: demoted };
    second.connect();
    const [error] = await next(second, 'connect_error');
    expect(error).toMatchObject({ data: { code: 'admin_only' } });
  });
});

describe('a grant of the webhook', () => {
  const start = async ({ url }: { url: string }, ms = 1_000) => {
    const env = { ROOM_ACCESS: 'webhook', ROOM_ACCESS_URL: url, ROOM_ACCESS_MS_MAX: String(ms) };
    return withAlice('memory', { sub: 'alice' }, env, ['a', 'b']);
  };

  it('is asked for again, and ends when the webhook denies it', async () => {
    const webhook = await startWebhook();
    const { alice, bob } = await start(webhook);
    const left = next(bob, 'user_left');
    const ended = next(alice, 'access_ended');
    webhook.denied.add('a');
    const refused = { roomId: 'a', code: 'access_denied', retryable: false };
    expect((await ended)[0]).toEqual(refused);
    expect((await left)[0]).toMatchObject({ roomId: 'a' });
    expect(await alice.emitWithAck('typing', { roomId: 'b' })).toEqual({ ok: true });
  });

  it('lasts until its age while the webhook fails', async () => {
    const webhook = await startWebhook();
    const { alice } = await start(webhook, 5_000);
    const ended = recording(alice, 'access_ended');
    const isAskedAgain = async () => {
      webhook.asked.length = 0;
      await until('it is asked about alice', () =>
        webhook.asked.some((one) => (one as { userId: string }).userId === 'alice'),
      );
    };
    webhook.status = 500;
    await isAskedAgain();
    webhook.status = 200;
    await isAskedAgain();
    expect(ended).toEqual([]);
    expect(await alice.emitWithAck('typing', { roomId: 'a' })).toEqual({ ok: true });
    webhook.status = 500;
    await until('it has ended', () => ended.length === 2);
    expect(ended).toContainEqual({ roomId: 'b', code: 'unavailable', retryable: true });
  });

  it('that the old token got does not let a socket in after a refresh', async () => {
    const webhook = await startWebhook();
    const env = { ROOM_ACCESS: 'webhook', ROOM_ACCESS_URL: webhook.url };
    const { connect } = await startApp(env);
    const alice = await connected(connect({ sub: 'alice', role: 'boss' }));
    const answer = webhook.hold('boss');
    const joining = alice.emitWithAck('join_room', 'a');
    await until('it is asked', () => webhook.asked.length > 0);
    webhook.denied.add('a');
    await alice.emitWithAck('refresh_token', tokenFor({ sub: 'alice', role: 'guest' }));
    answer();
    expect(await joining).toMatchObject({ error: { code: 'access_denied' } });
  });
});
