// The warnings that the adapter prints without an observer.
import { createClient } from '@redis/client';
import { Server } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../../../test/harness/redis.ts';
import { until } from '../../../test/harness/service.ts';
import { createAdapter } from '../index.ts';

/** Collects the warnings of the adapter from now on. */
function warnings(): string[] {
  const texts: string[] = [];
  const note = ({ name, message }: Error) => {
    if (name === 'MooringAdapterWarning') texts.push(message);
  };
  process.on('warning', note);
  onTestFinished(() => void process.off('warning', note));
  return texts;
}

function startServer(url: string, options: Parameters<typeof createAdapter>[1] = {}) {
  const adapter = createAdapter(createClient({ url }), options);
  const io = new Server({ adapter });
  onTestFinished(() => void io.of('/').adapter.close());
  return { adapter, io };
}

describe('without an observer the adapter warns once', () => {
  it('that Redis is refused, why, and what to do', async () => {
    const redis = await startRedis({ 'maxmemory-policy': 'allkeys-lru' });
    const texts = warnings();
    const { adapter } = startServer(redis.url);
    await expect(adapter.ready()).rejects.toThrow(/maxmemory-policy/);
    await expect(adapter.ready()).rejects.toThrow(/maxmemory-policy/); // the next attempt
    expect(texts).toEqual([
      'Redis cannot be used, so no client can connect. Redis may delete messages and ' +
        'sessions when its memory is full (maxmemory-policy allkeys-lru): set maxmemory-policy ' +
        'noeviction.',
    ]);
  });

  it('that Redis cannot be reached, whatever fails because of it', async () => {
    const redis = await startRedis();
    const texts = warnings();
    const failed: string[] = [];
    const observed = { observer: { failed: (stage: string) => void failed.push(stage) } };
    const [quiet, loud] = [startServer(redis.url), startServer(redis.url, observed)];
    await Promise.all([quiet.adapter.ready(), loud.adapter.ready()]);
    await redis.kill();
    await until('it is noticed', () => !quiet.adapter.isUp() && !loud.adapter.isUp());
    quiet.io.emit('event');
    const attempts = () => failed.filter((stage) => stage === 'redis_connection').length;
    await until('it was tried again', () => attempts() > 3);
    await redis.start();
    await Promise.all([quiet.adapter.ready(), loud.adapter.ready()]);
    expect(texts).toHaveLength(1);
    expect(texts[0]).toMatch(
      /^Redis cannot be reached \(.+\): no client can connect .*keeps trying\.$/,
    );
  });

  it('that a limit is reached, and which option raises it', async () => {
    const redis = await startRedis();
    const texts = warnings();
    const { adapter, io } = startServer(redis.url, { queuedMessagesMax: 1 });
    for (let n = 0; n < 5; n += 1) io.emit('event', n);
    await adapter.ready();
    expect(texts).toEqual([
      expect.stringMatching(/^Too many messages are waiting.*queuedMessagesMax/),
    ]);
  });

  it('that a listener of serverSideEmit threw', async () => {
    const redis = await startRedis();
    const texts = warnings();
    const [one, other] = [startServer(redis.url), startServer(redis.url)];
    await Promise.all([one.adapter.ready(), other.adapter.ready()]);
    const heard = new Promise<void>((resolve) => {
      other.io.on('ping', () => {
        setImmediate(resolve);
        throw new Error('of the listener');
      });
    });
    one.io.serverSideEmit('ping');
    await heard;
    await until('it is printed', () => texts.length > 0);
    expect(texts).toEqual([expect.stringMatching(/^A request from .* \(of the listener\)\.$/)]);
  });
});

it('with an observer the adapter prints nothing', async () => {
  const texts = warnings();
  const failed: unknown[] = [];
  const redis = await startRedis({ 'maxmemory-policy': 'allkeys-lru' });
  const observer = { failed: (_: string, error: unknown) => void failed.push(error) };
  const { adapter } = startServer(redis.url, { observer });
  await expect(adapter.ready()).rejects.toThrow(/maxmemory-policy/);
  await until('the observer is called', () => failed.length > 0);
  expect(texts).toEqual([]);
});
