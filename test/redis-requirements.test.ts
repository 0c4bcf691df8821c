// What a Redis must be and allow: the sentence at the start, and life with one that changes later.
import { readFileSync } from 'node:fs';
import { connect, createServer, type Server } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listen } from '../service/http/router.ts';
import { sendTo } from './harness/moving.ts';
import { startRedis } from './harness/redis.ts';
import {
  connected,
  next,
  samples,
  startApp,
  startProcess,
  until,
  untilReady,
} from './harness/service.ts';

type Redis = Awaited<ReturnType<typeof startRedis>>;

/** How a service with this Redis ends: the exit code and what it printed. */
async function ending(env: Record<string, string>) {
  const service = await startProcess({ LOG_LEVEL: 'silent', ...env });
  const [code] = await service.exited;
  return { code, printed: service.output() };
}

/** A proxy before Redis that changes what it says, byte for byte. */
async function changing(redis: Redis, said: string, shown: string): Promise<string> {
  const proxy: Server = createServer((inbound) => {
    const outbound = connect(redis.port, '127.0.0.1');
    inbound.pipe(outbound);
    outbound.on('data', (data) => {
      inbound.write(Buffer.from(data.toString('latin1').replace(said, shown), 'latin1'));
    });
    for (const [one, other] of [
      [inbound, outbound],
      [outbound, inbound],
    ] as const) {
      one.on('error', () => {}).on('close', () => other.destroy());
    }
  });
  onTestFinished(() => void proxy.close());
  return `redis://127.0.0.1:${await listen(proxy as never, 0, '127.0.0.1')}`;
}

describe('a Redis on which the promises cannot be kept', () => {
  it('ends the start with one sentence: it may evict', async () => {
    const redis = await startRedis({ 'maxmemory-policy': 'allkeys-lru' });
    const sentence =
      'Redis may delete messages and sessions when its memory is full ' +
      '(maxmemory-policy allkeys-lru): set maxmemory-policy noeviction\n';
    expect(await ending({ REDIS_URL: redis.url })).toEqual({ code: 78, printed: sentence });
    const workers = await ending({ REDIS_URL: redis.url, WORKERS: '2' });
    expect(workers.code).toBe(78);
    expect(workers.printed).toContain(sentence);
  });

  it('... it is too old, needs a password, or is something else', async () => {
    const redis = await startRedis();
    const { version } = (await redis.command('HELLO')) as unknown as { version: string };
    const shown = `6${version.slice(1)}`;
    const old = await changing(redis, version, shown);
    expect((await ending({ REDIS_URL: old })).printed).toBe(
      `Redis ${shown} is too old: upgrade it to 7 or newer\n`,
    );
    const url = redis.url.replace('//', '//nobody:wrong@');
    const refused = await ending({ REDIS_URL: url });
    expect(refused.printed).toMatch(
      /^\S+ refuses the user nobody or the password: correct them\n$/,
    );
    const clustered = await startRedis({ 'cluster-enabled': 'yes' });
    expect((await ending({ REDIS_URL: clustered.url })).printed).toBe(
      'This Redis runs in cluster mode: connect to it as such (REDIS_MODE of Mooring)\n',
    );
    const cluster = await startApp({ REDIS_URL: redis.url, REDIS_MODE: 'cluster' });
    await expect(cluster.app.started).rejects.toThrow('runs in standalone mode');
    const sentinel = await startApp({ REDIS_URL: redis.url, REDIS_MODE: 'sentinel' });
    await expect(sentinel.app.started).rejects.toThrow('is no Sentinel');
  });

  it('later ends no process: it is logged, redis_up is 0, and it is tried again', async () => {
    const redis = await startRedis();
    const service = await startApp({ REDIS_URL: redis.url });
    await untilReady(service.operationsUrl);
    const client = await connected(service.connect('alice'));
    await client.emitWithAck('join_room', 'lobby');
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'volatile-ttl');
    await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('it is logged', () => JSON.stringify(service.logged).includes('volatile-ttl'));
    expect(await samples(service.operationsUrl, 'redis_up')).toEqual({ '': 0 });
    const refused = await client.emitWithAck('send_message', { roomId: 'lobby', text: 'x' });
    expect(refused).toMatchObject({ ok: false, error: { code: 'unavailable' } });
    await redis.command('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    await until('it works again', async () => {
      return (await client.emitWithAck('send_message', { roomId: 'lobby', text: 'y' })).ok;
    });
    await until('redis_up is 1', async () => {
      return (await samples(service.operationsUrl, 'redis_up'))[''] === 1;
    });
    expect(client.connected).toBe(true);
  });

  it('that is only less safe is a warning, once', async () => {
    const redis = await startRedis({ appendonly: 'no' });
    const service = await startApp({ REDIS_URL: redis.url });
    await untilReady(service.operationsUrl);
    await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await until('it is back', () => JSON.stringify(service.logged).includes('redis_connection'));
    await untilReady(service.operationsUrl);
    const warnings = service.logged.filter(({ stage }) => stage === 'adapter_redis_settings');
    expect(warnings).toHaveLength(1);
    expect(JSON.stringify(warnings)).toContain('set appendonly yes');
  });

  it('that does not show its settings is a warning', async () => {
    const redis = await startRedis();
    await redis.command('ACL', 'SETUSER', 'default', '-info');
    const service = await startApp({ REDIS_URL: redis.url });
    await untilReady(service.operationsUrl);
    expect(JSON.stringify(service.logged)).toContain('INFO does not show maxmemory-policy');
  });
});

describe('a Redis that is full', () => {
  it('refuses messages, keeps what it has, and goes on when there is room', async () => {
    const redis = await startRedis({ maxmemory: '8mb', 'maxmemory-policy': 'noeviction' });
    const service = await startApp({ REDIS_URL: redis.url });
    await untilReady(service.operationsUrl);
    const client = await connected(service.connect('alice', { reconnectionDelay: 100 }));
    await client.emitWithAck('join_room', 'lobby');
    const send = () => client.emitWithAck('send_message', { roomId: 'lobby', text: 'x' });
    expect(await send()).toMatchObject({ ok: true });
    await redis.command('SETRANGE', 'filler', '8000000', 'x');
    expect(await send()).toMatchObject({ ok: false, error: { code: 'unavailable' } });
    await redis.command('DEL', 'filler');
    expect(await send()).toMatchObject({ ok: true });
    const { id } = client;
    client.io.engine.close();
    await next(client, 'connect');
    expect([client.recovered, client.id]).toEqual([true, id]);
  });
});

/** The documented user, its rules apart. */
async function restricted() {
  const redis = await startRedis();
  const documented =
    /ACL SETUSER (mooring on [^`]*)/.exec(readFileSync('docs/redis.md', 'utf8'))?.[1] ?? '';
  const [user = '', ...rules] = documented.trim().split(/\s+/);
  await redis.command('ACL', 'SETUSER', user, ...rules);
  const REDIS_URL = redis.url.replace('//', `//${user}:PASSWORD@`);
  return { redis, user, rules, env: { REDIS_URL } };
}

describe('the documented user', () => {
  it('may do all of chat and recovery', async () => {
    const { redis, env } = await restricted();
    const [a, b] = [await startApp(env), await startApp(env)];
    await Promise.all([a, b].map(({ operationsUrl }) => untilReady(operationsUrl)));
    const alice = await connected(a.connect('alice', { reconnectionDelay: 100 }));
    const bob = await connected(b.connect('bob'));
    for (const client of [alice, bob]) await client.emitWithAck('join_room', 'lobby');
    const send = { roomId: 'lobby', text: 'hello', id: 'm1' };
    const heard = next(alice, 'new_message');
    expect(await bob.emitWithAck('send_message', send)).toMatchObject({ ok: true });
    await heard;
    sendTo(alice, b.url);
    const missed = next(alice, 'new_message');
    alice.io.engine.close();
    await bob.emitWithAck('send_message', { roomId: 'lobby', text: 'missed' });
    await next(alice, 'connect');
    expect(alice.recovered).toBe(true);
    expect((await missed)[0]).toMatchObject({ text: 'missed' });
    const { messages } = await bob.emitWithAck('history', { roomId: 'lobby' });
    expect(messages).toHaveLength(2);
    expect(await b.app.io.fetchSockets()).toHaveLength(2);
    await bob.emitWithAck('leave_room', 'lobby');
    bob.disconnect();
    const log = await redis.command('ACL', 'LOG');
    expect(log).toEqual([]);
  });

  it('can miss no permission without a sentence that names it', async () => {
    const { redis, user, rules, env } = await restricted();
    const unused = ['+cluster|slots', '+cluster|keyslot', '+info', '+ping'];
    const needed = rules.filter((rule) => /^[+~&]/.test(rule) && !unused.includes(rule));
    expect(needed.length).toBeGreaterThan(30);
    for (const rule of needed) {
      const others = rules.filter((other) => other !== rule);
      await redis.command('ACL', 'SETUSER', user, 'reset', ...others);
      const service = await startApp(env);
      await expect(service.app.started, rule).rejects.toThrow(
        `Redis does not permit what is needed: ACL SETUSER ${user} ${rule}`,
      );
      await service.close();
    }
  });
});
