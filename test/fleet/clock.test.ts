// Steps of the wall clock of a pod, by an hour in either direction. Clients do not notice.
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { Socket } from 'socket.io-client';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { listen } from '../../service/api/router.ts';
import { buildClocks } from '../harness/clock.ts';
import { rotate } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import {
  connected,
  type Env,
  next,
  startProcess,
  tokenFor,
  until,
  untilReady,
} from '../harness/service.ts';

const hourMs = 3_600_000;
const tokenSeconds = 600; // less than a step

const clocks = buildClocks();
afterAll(() => clocks?.remove());

/** A pod whose clock can step. */
async function startPod(env: Env) {
  const clock = clocks?.create(randomUUID());
  const pod = await startProcess({ ...clock?.env, ...env });
  await untilReady(pod.operationsUrl);
  return { ...pod, step: (ms: number) => clock?.step(ms) };
}

interface Pod {
  url: string;
  connect(user: string, options?: object): Socket;
}

/** Clients in a room, which move to the other pod when they lose theirs. */
async function enter(count: number, pod: Pod, urls: string[]) {
  const clients = Array.from({ length: count }, (_, i) => {
    const token = tokenFor(`user-${i}`, tokenSeconds);
    const options = { token, transports: ['websocket'], reconnectionDelay: 50 };
    const client = pod.connect(`user-${i}`, { ...options, reconnectionDelayMax: 100 });
    rotate(client, urls);
    return client;
  });
  await Promise.all(clients.map(connected));
  for (const client of clients) await client.emitWithAck('join_room', 'lobby');
  const troubles: string[] = [];
  for (const client of clients) {
    client.on('connect', () => client.recovered || troubles.push('not recovered'));
    client.on('connect_error', ({ data }) => data && troubles.push(data.code));
  }
  return { clients, troubles };
}

const say = (client: Socket) => client.emitWithAck('send_message', { roomId: 'lobby', text: 'hi' });

describe.skipIf(!clocks).each([
  ['forward', hourMs],
  ['back', -hourMs],
])('a wall clock that steps %s by an hour', (_, stepMs) => {
  it('in a quiet hour refuses nobody, closes nothing and dates by the clock of Redis', async () => {
    const { url } = await startRedis();
    const pod = await startPod({ REDIS_URL: url });
    const { clients, troubles } = await enter(3, pod, [pod.url]);
    const closed = Promise.race(clients.map((client) => next(client, 'disconnect')));
    pod.step(stepMs);
    for (const client of clients) {
      const { ok, message } = await say(client);
      expect(ok).toBe(true);
      expect(Math.abs(message.at - Date.now())).toBeLessThan(hourMs / 2);
    }
    const entrant = await connected(pod.connect('entrant'));
    expect(await entrant.emitWithAck('join_room', 'lobby')).toMatchObject({ ok: true });
    const refreshed = await entrant.emitWithAck('refresh_token', tokenFor('entrant', 300));
    expect(refreshed).toMatchObject({ ok: true });
    // An expired token shows that the sweep for these has run.
    const short = await connected(pod.connect('short', { token: tokenFor('short', 2) }));
    expect(await Promise.race([next(short, 'disconnect'), closed])).toEqual([
      'transport close',
      expect.anything(),
    ]);
    expect(clients.every(({ connected }) => connected)).toBe(true);
    expect(troubles).toEqual([]);
  });

  it('while Redis is lost neither closes clients nor keeps them from recovering', async () => {
    const redis = await startRedis();
    const [one, two] = await Promise.all([
      startPod({ REDIS_URL: redis.url }),
      startPod({ REDIS_URL: redis.url }),
    ]);
    const { clients, troubles } = await enter(5, one, [two.url, one.url]);
    const ids = clients.map(({ id }) => id);
    await redis.kill();
    await until('it is noticed', async () => (await say(clients[0] as Socket)).ok === false);
    one.step(stepMs);
    await redis.start();
    await until('it is back', async () => (await say(clients[0] as Socket)).ok);
    expect(clients.map(({ id }) => id)).toEqual(ids);
    for (const client of clients) {
      const back = next(client, 'connect');
      client.io.engine.close();
      await back;
    }
    expect(clients.map(({ id }) => id)).toEqual(ids);
    expect(troubles).toEqual([]);
  });

  it('during a drain neither hurries nor stops it', async () => {
    const { url } = await startRedis();
    const env = { REDIS_URL: url, ENDPOINT_DELAY_MS: '100', DRAIN_MS_MAX: '4000', SETTLE_MS: '0' };
    const [one, two] = await Promise.all([startPod(env), startPod(env)]);
    const { clients, troubles } = await enter(40, one, [two.url]);
    const left = new Set(clients);
    for (const client of clients) client.once('disconnect', () => left.delete(client));
    one.child.kill('SIGTERM');
    await until('it closes connections', () => left.size < 38);
    one.step(stepMs);
    await until('it has gone on', () => left.size < 34);
    const [remaining] = left;
    expect(await say(remaining as Socket)).toMatchObject({ ok: true }); // not all at once
    expect(await one.exited).toEqual([0, null]);
    await until('all are back', () => clients.every(({ connected }) => connected));
    expect(troubles).toEqual([]);
  });

  it('during a storm of reconnects lets everybody back in', async () => {
    const { url } = await startRedis();
    const env = { REDIS_URL: url, HANDSHAKES_PER_SECOND_MAX: '5', SETTLE_MS: '0' };
    const [one, two] = await Promise.all([startPod(env), startPod(env)]);
    const { clients, troubles } = await enter(20, one, [two.url, one.url]);
    for (const client of clients) client.io.engine.close();
    one.step(stepMs);
    await until('all are back', () => clients.every(({ connected }) => connected));
    one.step(-stepMs);
    for (const client of clients) client.io.engine.close();
    await until('all have left', () => clients.every(({ connected }) => !connected));
    await until('all are back again', () => clients.every(({ connected }) => connected));
    expect(troubles).toEqual([]);
  });

  it('fetches a key set no more often for forged tokens', async () => {
    let fetches = 0;
    const issuer = createServer((_, response) => {
      fetches += 1;
      response.end('{"keys":[]}');
    });
    onTestFinished(() => void issuer.close());
    const address = `http://127.0.0.1:${await listen(issuer, 0, '127.0.0.1')}`;
    const pod = await startPod({ JWT_SECRET: '', JWT_JWKS_URL: address, JWT_ALGORITHMS: 'ES256' });
    const forge = async () => {
      const header = { alg: 'ES256', kid: randomUUID() };
      const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
      const token = `${part(header)}.${part({ sub: 'mallory', exp: 4e9 })}.c2lnbmF0dXJl`;
      const client = pod.connect('mallory', { token, reconnection: false });
      await Promise.race([next(client, 'connect_error'), next(client, 'disconnect')]);
    };
    await forge();
    pod.step(stepMs);
    for (let i = 0; i < 20; i += 1) await forge();
    expect(fetches).toBeLessThan(8); // the first, three at once, and one every ten seconds
  });
});
