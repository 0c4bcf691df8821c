// Overload protection: a blocked event loop and a filled heap, on real processes.
import { describe, expect, it } from 'vitest';
import { createJudge, type Level, type Load } from '../../service/fleet/overload.ts';
import { connected, next, samples, startProcess, until, untilReady } from '../harness/service.ts';

const handshake = (url: string) => fetch(`${url}/socket.io/?EIO=4&transport=polling`);

async function startStrained(env: Record<string, string> = {}) {
  const service = await startProcess({ APPLICATION: 'test/harness/strain.ts', ...env });
  await untilReady(service.operationsUrl);
  const client = await connected(service.connect('alice', { transports: ['websocket'] }));
  const level = async () => (await samples(service.operationsUrl, 'overload'))[''];
  const refuses = () =>
    until('new clients are refused', async () => (await handshake(service.url)).status === 503);
  const recovers = () =>
    until('new clients are accepted', async () => (await handshake(service.url)).status === 200);
  return { ...service, client, level, refuses, recovers };
}

describe('a process', () => {
  it('whose event loop is blocked refuses new clients until it recovers', async () => {
    const service = await startStrained({ OVERLOAD_LAG_MS_MAX: '100' });
    await service.client.emitWithAck('block', 300);
    await service.refuses();
    const refused = await handshake(service.url);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await service.level()).toBeGreaterThanOrEqual(1);
    expect(await service.client.emitWithAck('echo', 'still here')).toBe('still here');
    expect((await fetch(`${service.operationsUrl}/readyz`)).status).toBe(200);
    await service.client.emitWithAck('block', 0);
    await service.recovers();
    expect(await service.level()).toBe(0);
    const codes = await samples(service.operationsUrl, 'refusals_total');
    expect(codes['code="overloaded"']).toBeGreaterThan(0);
    await connected(service.connect('bob'));
  });

  it('that stays overloaded closes the connection that costs most, and no idle one', async () => {
    const service = await startStrained({
      OVERLOAD_LAG_MS_MAX: '50',
      EVENTS_PER_SECOND_MAX: '100000',
    });
    const idle = await connected(service.connect('idle', { transports: ['websocket'] }));
    const busy = await connected(service.connect('mallory', { transports: ['websocket'] }));
    busy.io.reconnection(false);
    const flood = setInterval(() => busy.emit('echo', 'x'.repeat(10_000), () => {}), 20);
    const closed = next(busy, 'disconnect');
    await service.client.emitWithAck('block', 150);
    await closed;
    clearInterval(flood);
    expect(idle.connected).toBe(true);
    const causes = await samples(service.operationsUrl, 'protective_closes_total');
    expect(causes['cause="overload"']).toBeGreaterThan(0);
    const client = await connected(service.client); // it has sent an event, too
    await client.emitWithAck('block', 0);
    await service.recovers();
  });

  it('whose heap is full refuses new clients until it is free again', async () => {
    const service = await startStrained({
      NODE_OPTIONS: '--max-old-space-size=160',
      OVERLOAD_MEMORY_SHARE_MAX: '0.6',
    });
    await service.client.emitWithAck('fill', 100);
    await service.refuses();
    await service.client.emitWithAck('fill', 0);
    await service.recovers();
    expect(service.child.exitCode).toBeNull();
  });
});

describe('the judgement', () => {
  const calm = { lag: 0.1, heap: 0.1, memory: 0.1 };
  const judged = (...loads: [number, Partial<Load>][]) => {
    const judge = createJudge();
    return loads.map(([times, load]) => {
      let level: Level = 'normal';
      for (let i = 0; i < times; i += 1) level = judge({ ...calm, ...load });
      return level;
    });
  };

  it.each(['lag', 'heap', 'memory'] as const)('needs a high %s for several samples', (what) => {
    const high = { [what]: 1 };
    expect(judged([2, high])).toEqual(['normal']);
    expect(judged([2, high], [1, {}], [2, high])).toEqual(['normal', 'normal', 'normal']);
    expect(judged([3, high])).toEqual(['refusing']);
    expect(judged([5, high], [1, high])).toEqual(['refusing', 'shedding']);
  });

  it('does not alternate around a threshold', () => {
    const [high, middle] = [{ lag: 1 }, { lag: 0.9 }];
    expect(judged([6, high], [1, middle], [60, middle])).toEqual([
      'shedding',
      'refusing',
      'refusing',
    ]);
    expect(judged([3, high], [4, {}], [1, middle], [4, {}], [1, {}])).toEqual([
      ...['refusing', 'refusing', 'refusing', 'refusing'],
      'normal',
    ]);
  });
});
