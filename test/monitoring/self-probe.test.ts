import { describe, expect, it } from 'vitest';
import { createClock } from '../../service/stores/redis/clock.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, samples, startApp, until, untilReady } from '../harness/service.ts';

const probes = async ({ operationsUrl }: { operationsUrl: string }) => ({
  back: (await samples(operationsUrl, 'probe_delay_seconds_count'))[''] ?? 0,
  failed: (await samples(operationsUrl, 'probe_failures_total'))[''] ?? 0,
  seconds: (await samples(operationsUrl, 'probe_delay_seconds_sum'))[''] ?? 0,
});

describe('the self-probe', () => {
  it('returns in memory', async () => {
    const service = await startApp();
    await until('it is back', async () => (await probes(service)).back > 0);
    expect((await probes(service)).failed).toBe(0);
  });

  it('returns through Redis, and no client sees it', async () => {
    const redis = await startRedis();
    const startedAt = performance.now();
    const service = await startApp({ REDIS_URL: redis.url });
    await untilReady(service.operationsUrl);
    const client = await connected(service.connect('alice', { transports: ['websocket'] }));
    const seen: string[] = [];
    client.onAny((event: string) => seen.push(event));
    const { back } = await probes(service);
    await until('it is back once more', async () => (await probes(service)).back > back);
    const { failed, seconds } = await probes(service);
    expect(failed).toBe(0);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThan((performance.now() - startedAt) / 1_000);
    expect(seen.filter((event) => event !== 'welcome')).toEqual([]);
    expect(await samples(service.operationsUrl, 'messages_published_total')).toEqual({ '': 0 });
  });

  it.each(['killed', 'frozen'])(
    'fails while Redis is %s, and returns when Redis does',
    async (how) => {
      const redis = await startRedis();
      const service = await startApp({ REDIS_URL: redis.url });
      await until('it is back', async () => (await probes(service)).back > 0);
      if (how === 'killed') await redis.kill();
      else redis.signal('SIGSTOP');
      await until('it fails', async () => (await probes(service)).failed > 0);
      const { back } = await probes(service);
      if (how === 'killed') await redis.start();
      else redis.signal('SIGCONT');
      await until('it is back again', async () => (await probes(service)).back > back);
      const told = service.logged
        .map(({ msg }) => String(msg))
        .filter((msg) => /^self-probe/.test(msg));
      expect(told).toEqual([
        'self-probe failed: messages are not being delivered',
        'self-probe recovered',
      ]);
    },
  );
});

describe('the clock of Redis', () => {
  it('is followed however far it is from ours, by the quickest of the last answers', async () => {
    const clock = createClock();
    const hourMs = 3_600_000;
    const overtaken = Promise.withResolvers<number>();
    const late = clock.set(() => overtaken.promise);
    await clock.set(async () => Date.now() + hourMs);
    overtaken.resolve(Date.now()); // asked before and answered after: it says least
    await late;
    expect(Math.abs(clock.now() - Date.now() - hourMs)).toBeLessThan(hourMs / 2);
  });
});
