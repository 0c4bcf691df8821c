// Reads of histories: they cost what they ask for, and one user's reads hold up nobody else's.
import { expect, it } from 'vitest';
import { startRedis } from '../harness/redis.ts';
import { connected, startApp } from '../harness/service.ts';

const ws = { transports: ['websocket'] };
const letters = 100_000;

async function roomOfLargeMessages(count: number) {
  const redis = await startRedis();
  const service = await startApp({ REDIS_URL: redis.url });
  const alice = await connected(service.connect('alice', ws));
  await alice.emitWithAck('join_room', 'lobby');
  for (let i = 0; i < count; i += 1) {
    const text = 'x'.repeat(letters);
    await alice.emitWithAck('send_message', { roomId: 'lobby', text });
  }
  const sentBytes = async () => {
    const stats = String(await redis.command('INFO', 'stats'));
    return Number(/total_net_output_bytes:(\d+)/.exec(stats)?.[1]);
  };
  return { service, alice, sentBytes };
}

it('a read of one message reads no other from Redis', async () => {
  const { alice, sentBytes } = await roomOfLargeMessages(30);
  const before = await sentBytes();
  const { messages, more } = await alice.emitWithAck('history', { roomId: 'lobby', limit: 1 });
  expect(messages).toHaveLength(1);
  expect(more).toBe(true);
  expect((await sentBytes()) - before).toBeLessThan(5 * letters);
});

it('a read of many large messages ends after 512 KiB', async () => {
  const { alice, sentBytes } = await roomOfLargeMessages(30);
  const before = await sentBytes();
  const { messages, more } = await alice.emitWithAck('history', { roomId: 'lobby', limit: 1000 });
  expect(messages.length).toBeGreaterThan(3);
  expect(messages.length).toBeLessThan(8);
  expect(more).toBe(true);
  expect((await sentBytes()) - before).toBeLessThan(10 * letters);
});

it('a user with too many reads is busy, and Redis stays available', async () => {
  const { service, alice } = await roomOfLargeMessages(5);
  const bob = await connected(service.connect('bob', ws));
  await bob.emitWithAck('join_room', 'lobby');
  const reads = Array.from({ length: 400 }, () =>
    alice.emitWithAck('history', { roomId: 'lobby', limit: 1 }),
  );
  const sent = await bob.emitWithAck('send_message', { roomId: 'lobby', text: 'hello' });
  expect(sent).toMatchObject({ ok: true });
  const codes = (await Promise.all(reads)).map(({ error }) => error?.code ?? 'ok');
  expect(new Set(codes)).toEqual(new Set(['ok', 'busy']));
});

it.each(['redis', 'memory'])('the history of a room has a bound in bytes, in %s', async (store) => {
  const url = store === 'redis' ? (await startRedis()).url : '';
  const service = await startApp({ HISTORY_BYTES_MAX: '300000', ...(url && { REDIS_URL: url }) });
  const alice = await connected(service.connect('alice', ws));
  await alice.emitWithAck('join_room', 'lobby');
  for (let i = 0; i < 12; i += 1) {
    const text = 'x'.repeat(50_000);
    await alice.emitWithAck('send_message', { roomId: 'lobby', text });
  }
  const { messages } = await alice.emitWithAck('history', { roomId: 'lobby', limit: 100 });
  expect(messages.length).toBeGreaterThan(2);
  expect(messages.length).toBeLessThan(7);
});

it('a user stores MESSAGE_BYTES_PER_USER_MAX an hour, whatever others do', async () => {
  const service = await startApp({ MESSAGE_BYTES_PER_USER_MAX: '100000' });
  const [alice, bob] = [
    await connected(service.connect('alice', ws)),
    await connected(service.connect('bob', ws)),
  ];
  const send = async (client: typeof alice) => {
    await client.emitWithAck('join_room', 'lobby');
    const sent = { roomId: 'lobby', text: 'x'.repeat(60_000) };
    return client.emitWithAck('send_message', sent);
  };
  expect(await send(alice)).toMatchObject({ ok: true });
  expect(await send(alice)).toMatchObject({
    ok: false,
    error: { code: 'rate_limited', retryable: true },
  });
  expect(await send(bob)).toMatchObject({ ok: true });
});
