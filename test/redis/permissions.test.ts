// The ACL user of docs/operations/redis.md: everything works with it, and it needs every rule.
import { readFileSync } from 'node:fs';
import { Server } from 'socket.io';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../service/config/schema.ts';
import { openStores } from '../../service/stores/open.ts';
import { createMetrics } from '../../service/telemetry/metrics.ts';
import { sendTo } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, next, secret, startApp, untilReady } from '../harness/service.ts';
import { startTrace } from '../harness/trace.ts';

/** The documented user, its rules apart. */
async function restricted() {
  const redis = await startRedis();
  const documented =
    /ACL SETUSER (mooring on [^`]*)/.exec(readFileSync('docs/operations/redis.md', 'utf8'))?.[1] ??
    '';
  const [user = '', ...rules] = documented.trim().split(/\s+/);
  await redis.command('ACL', 'SETUSER', user, ...rules);
  const REDIS_URL = redis.url.replace('//', `//${user}:PASSWORD@`);
  return { redis, user, rules, env: { REDIS_URL } };
}

describe('the documented user', () => {
  it('may do all of chat, recovery and tracing', async () => {
    const { redis, env } = await restricted();
    const start = () => startApp({ ...env, TRACE: 'on' });
    const [a, b] = [await start(), await start()];
    await Promise.all([a, b].map(({ operationsUrl }) => untilReady(operationsUrl)));
    const trace = await startTrace(a.operationsUrl, 'bob', 2);
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
    await trace.told({ type: 'disconnected' });
    const log = await redis.command('ACL', 'LOG');
    expect(log).toEqual([]);
  });

  it('can lack no permission without an error that names it', async () => {
    const { redis, user, rules, env } = await restricted();
    const unused = ['+cluster|slots', '+cluster|keyslot', '+info', '+ping'];
    const needed = rules.filter((rule) => /^[+~&]/.test(rule) && !unused.includes(rule));
    expect(needed.length).toBeGreaterThan(30);
    const config = parseConfig({ ...env, JWT_SECRET: secret });
    const metrics = createMetrics();
    const identify = async () => ({ ok: false }) as const;
    for (const rule of needed) {
      const others = rules.filter((other) => other !== rule);
      await redis.command('ACL', 'SETUSER', user, 'reset', ...others);
      const stores = openStores({ config, identify, metrics, report() {} });
      const io = new Server({ adapter: stores.broadcast.adapter as never });
      await expect(stores.ready(), rule).rejects.toThrow(
        `Redis does not permit what is needed: ACL SETUSER ${user} ${rule}`,
      );
      await Promise.all([io.of('/').adapter.close(), stores.close()]);
    }
  });
});
