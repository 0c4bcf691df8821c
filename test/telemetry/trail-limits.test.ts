// The bounds of a trace, hit, and the guide that names them.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { traceLimits } from '../../service/stores/traces.ts';
import { createLog } from '../../service/telemetry/log.ts';
import { trailEventSchema } from '../../service/telemetry/trail/event.ts';
import { createTrail, trailLimits } from '../../service/telemetry/trail/trail.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, startApp, until, untilReady } from '../harness/service.ts';
import { startTrace } from '../harness/trace.ts';

describe('the limits of a trace', () => {
  it('leave out and count what is above the rate of one process', async () => {
    const { url } = await startRedis();
    const { app, operationsUrl, connect } = await startApp({ REDIS_URL: url, TRACE: 'on' });
    await untilReady(operationsUrl);
    const alice = await connected(connect('alice'));
    const trace = await startTrace(operationsUrl, 'alice', 1);
    const burst = 3 * trailLimits.eventsPerSecondMax;
    for (let i = 0; i < burst; i += 1) app.io.to(alice.id as string).emit('offer', i);
    const omitted = () =>
      trace
        .matching({ type: 'limited', limit: 'events_per_second' })
        .reduce((sum, event) => sum + (event.omitted ?? 0), 0);
    const delivered = () => trace.matching({ type: 'delivered', event: 'offer' }).length;
    await until('every event is told or counted', async () => {
      await trace.read();
      return omitted() + delivered() >= burst;
    });
    expect(omitted()).toBeGreaterThan(burst / 2);
  });

  it('bound what waits in a process while Redis does not take it, and tell how many', () => {
    const log = createLog('silent', 'a');
    const limits = { ...trailLimits, waitingEventsMax: 5 };
    const trail = createTrail({ log, debug: false, pod: 'a', now: Date.now }, limits);
    trail.follow([{ id: 't', userId: 'alice', places: [] }]);
    for (let i = 0; i < 8; i += 1) trail.tell({ type: 'joined', userId: 'alice', room: `${i}` });
    const [first] = trail.waiting(100);
    expect(first?.events.map(({ room }) => room)).toEqual(['0', '1', '2', '3', '4']);
    if (first) trail.passed(first);
    const [second] = trail.waiting(100);
    expect(second?.events).toMatchObject([
      { type: 'limited', limit: 'waiting_events', omitted: 3 },
    ]);
  });

  it('bound the lines of the log in a second, and tell how many were left out', async () => {
    const written: Record<string, unknown>[] = [];
    const log = createLog('debug', 'a', { write: (line) => written.push(JSON.parse(line)) });
    const limits = { ...trailLimits, linesPerSecondMax: 3 };
    const trail = createTrail({ log, debug: true, pod: 'a', now: Date.now }, limits);
    const tell = () => trail.tell({ type: 'joined', userId: 'alice', room: 'room:lobby' });
    for (let i = 0; i < 10; i += 1) tell();
    expect(written).toHaveLength(3);
    await until('the next second has begun', () => {
      tell();
      return written.length > 3;
    });
    expect(written[3]?.omitted).toBeGreaterThanOrEqual(7);
  });
});

describe('docs/guides/trace.md', () => {
  const guide = readFileSync('docs/guides/trace.md', 'utf8');

  it.each(Object.keys(trailEventSchema.shape))('explains the field %s', (name) => {
    expect(guide).toContain(`\`${name}\``);
  });

  it.each(Object.entries({ ...traceLimits, ...trailLimits }))('has the limit %s', (name, value) => {
    expect(guide).toMatch(new RegExp(`\`${name}\` *\\| *${value.toLocaleString('en-US')} `));
  });
});
