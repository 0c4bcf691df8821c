// Entries in Redis that nobody can read: they are skipped and counted, and stop nothing.
import { describe, expect, it } from 'vitest';
import { startRedis } from '../harness/redis.ts';
import { apiKey, connected, next, samples, startApp, until } from '../harness/service.ts';

type Redis = Awaited<ReturnType<typeof startRedis>>;

const ws = { transports: ['websocket'] };
const broken = ['', '{', 'null', '[]', '{"type":"revoke"}', '{"id":1}'];

async function start() {
  const redis = await startRedis();
  const service = await startApp({ REDIS_URL: redis.url, ROOM_ACCESS: 'open' });
  const alice = await connected(service.connect('alice', ws));
  const unreadable = async (kind: string) =>
    (await samples(service.operationsUrl, 'unreadable_total'))[`kind="${kind}"`] ?? 0;
  return { redis, service, alice, unreadable };
}

async function keysOf(redis: Redis, pattern: string): Promise<string[]> {
  return (await redis.command('KEYS', pattern)) as unknown as string[];
}

async function newestId(redis: Redis, key: string): Promise<string> {
  const entries = await redis.command('XREVRANGE', key, '+', '-', 'COUNT', '1');
  const [[id = ''] = []] = entries as unknown as string[][];
  return id.split('-')[0] ?? '';
}

async function append(redis: Redis, key: string, ...fields: string[]) {
  await redis.command('XADD', key, '*', ...fields);
}

async function disconnect(operationsUrl: string, user: string) {
  const answer = await fetch(`${operationsUrl}/v1/disconnect`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${apiKey}`, 'Content-Type': 'application/json' },
    body: JSON.stringify({ users: [user] }),
  });
  expect(answer.status).toBe(202);
}

describe('a broken entry', () => {
  it('among the commands does not stop the others', async () => {
    const { redis, service, alice, unreadable } = await start();
    await disconnect(service.operationsUrl, 'bob'); // creates the key
    const [key = ''] = await keysOf(redis, '*commands*');
    for (const text of broken) await append(redis, key, 'command', text, 'format', '1');
    await until('they are skipped', async () => (await unreadable('command')) === broken.length);
    const ended = next(alice, 'disconnect');
    await disconnect(service.operationsUrl, 'alice');
    await ended;
  });

  it('in a history is left out', async () => {
    const { redis, alice, unreadable } = await start();
    await alice.emitWithAck('join_room', 'lobby');
    await alice.emitWithAck('send_message', { roomId: 'lobby', text: 'one' });
    const [key = ''] = await keysOf(redis, '*history:lobby*');
    const id = await newestId(redis, key);
    for (const [i, text] of broken.entries())
      await redis.command('XADD', key, `${id}-${i + 1}`, 'd', text);
    await alice.emitWithAck('send_message', { roomId: 'lobby', text: 'two' });
    const { messages } = await alice.emitWithAck('history', { roomId: 'lobby', limit: 10 });
    expect(messages.map(({ text }: { text: string }) => text)).toEqual(['one', 'two']);
    expect(await alice.emitWithAck('join_room', 'lobby')).toMatchObject({ ok: true });
    expect(await unreadable('history_entry')).toBeGreaterThanOrEqual(broken.length);
  });

  it('among the heartbeats hides no other process', async () => {
    const { redis, service, unreadable } = await start();
    const [key = ''] = await keysOf(redis, '*fleet:heartbeats*');
    const now = Date.now();
    await redis.command('HSET', key, 'a', 'no heartbeat', 'b', `${now} release {`);
    await until('they are skipped', async () => (await unreadable('heartbeat')) > 1);
    const headers = { Authorization: `Bearer ${apiKey}` };
    const answer = await fetch(`${service.operationsUrl}/v1/pods`, { headers });
    expect(await answer.json()).toMatchObject({ pods: [{ ready: true }] });
  });

  it('in the log of a room makes clients start again, and does not keep them out', async () => {
    const { redis, alice, unreadable } = await start();
    await alice.emitWithAck('join_room', 'lobby');
    await alice.emitWithAck('send_message', { roomId: 'lobby', text: 'one' });
    const keys = await keysOf(redis, '*log:*lobby*');
    const [key = ''] = keys;
    const id = await newestId(redis, key);
    const later = String(Number(id) + 1);
    const again = next(alice, 'connect');
    alice.io.engine.close();
    await redis.command('XADD', key, `${later}-0`, 'd', '\x01\x05\x00{"a"');
    await again;
    expect(alice.recovered).toBe(false);
    expect(await unreadable('log_entry')).toBe(1);
    expect(await alice.emitWithAck('join_room', 'lobby')).toMatchObject({ ok: true });
  });
});
