// What a Redis must be and allow: the sentence at the start, and life with one that changes later.
import { connect, createServer } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listen } from '../../service/api/router.ts';
import { startRedis } from '../harness/redis.ts';
import {
  connected,
  freePort,
  next,
  samples,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

type Redis = Awaited<ReturnType<typeof startRedis>>;

/** How a service with this Redis ends: the exit code and what it printed. */
async function ending(env: Record<string, string>) {
  const service = await startProcess({ LOG_LEVEL: 'silent', ...env });
  const [code] = await service.exited;
  return { code, printed: service.output() };
}

/** A proxy before Redis that changes what it says, byte for byte. */
async function changing(redis: Redis, said: string, shown: string): Promise<string> {
  const proxy = createServer((inbound) => {
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
  it('ends the start with one sentence if it may evict', async () => {
    const redis = await startRedis({ 'maxmemory-policy': 'allkeys-lru' });
    const sentence =
      'Redis may delete messages and sessions when its memory is full ' +
      '(maxmemory-policy allkeys-lru): set maxmemory-policy noeviction\n';
    expect(await ending({ REDIS_URL: redis.url })).toEqual({ code: 78, printed: sentence });
    const workers = await ending({ REDIS_URL: redis.url, WORKERS: '2' });
    expect(workers.code).toBe(78);
    expect(workers.printed).toContain(sentence);
  });

  it('is refused if it is too old, has another password or runs in another mode', async () => {
    const redis = await startRedis();
    const refusal = async (env: Record<string, string>, sentence: RegExp | string) => {
      const service = await startApp(env);
      await expect(service.app.started).rejects.toThrow(sentence);
    };
    const { version } = (await redis.command('HELLO')) as unknown as { version: string };
    const shown = `6${version.slice(1)}`;
    const old = await changing(redis, version, shown);
    await refusal({ REDIS_URL: old }, `Redis ${shown} is too old: upgrade it to 7 or newer`);
    const url = redis.url.replace('//', '//nobody:wrong@');
    await refusal({ REDIS_URL: url }, /rejected the user name nobody or its password: check both/);
    const clustered = await startRedis({
      'cluster-enabled': 'yes',
      'cluster-port': String(await freePort()),
    });
    await refusal({ REDIS_URL: clustered.url }, 'runs in cluster mode: connect to it as such');
    const given = { REDIS_URL: redis.url };
    await refusal({ ...given, REDIS_MODE: 'cluster' }, 'runs in standalone mode');
    await refusal({ ...given, REDIS_MODE: 'sentinel' }, 'is not a Sentinel');
  });

  it('later ends no process, but is logged, sets redis_up to 0 and is tried again', async () => {
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
