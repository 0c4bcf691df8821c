// Traces of what back ends publish, as a collector gets them from real replicas.
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Envelope, encode, withContext } from '../../service/adapter/delivery/envelope.ts';
import { openExporter, type Sent } from '../../service/telemetry/tracing/exporter.ts';
import type { Span } from '../../service/telemetry/tracing/otlp.ts';
import { formatTraceparent } from '../../service/telemetry/tracing/traceparent.ts';
import { readAttributes, startCollector } from '../harness/collector.ts';
import { startRedis } from '../harness/redis.ts';
import {
  apiKey,
  connected,
  freePort,
  next,
  samples,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

const publish = (operationsUrl: string, body: object, traceparent?: string) =>
  fetch(`${operationsUrl}/v1/publish`, {
    method: 'POST',
    headers: { Authorization: `Bearer ${apiKey}`, ...(traceparent && { traceparent }) },
    body: JSON.stringify({ event: 'offer', data: { price: 7 }, ...body }),
  });

const newTrace = (sampled = true) => {
  const traceId = randomBytes(16).toString('hex');
  const spanId = randomBytes(8).toString('hex');
  return { traceId, spanId, traceparent: formatTraceparent({ traceId, spanId, sampled }) };
};

const milliseconds = (nanoseconds: string) => Number(BigInt(nanoseconds) / 1_000_000n);

describe('a message that a backend publishes', () => {
  it('is traced from the request to the delivery on every replica', async () => {
    const [redis, collector] = [await startRedis(), await startCollector()];
    const start = (POD_NAME: string, more = {}) =>
      startProcess({
        REDIS_URL: redis.url,
        OTEL_EXPORTER_OTLP_ENDPOINT: `${collector.url}/`,
        OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20for-the-collector',
        OTEL_SERVICE_NAME: 'chat',
        POD_NAME,
        ...more,
      });
    const [one, two] = [await start('one', { WORKERS: '2' }), await start('two')];
    for (const { operationsUrl } of [one, two]) await untilReady(operationsUrl);
    const users = [one.connect('alice'), two.connect('bob'), two.connect('carol')];
    for (const client of users) await connected(client);
    for (const client of users) await client.emitWithAck('join_room', 'lobby');
    const { traceId, spanId, traceparent } = newTrace();
    const before = Date.now();
    const heard = users.map((client) => next(client, 'offer'));
    const rooms = { rooms: ['lobby'], users: ['carol', 'bob'] }; // who is there twice gets it once
    expect((await publish(one.operationsUrl, rooms, traceparent)).status).toBe(202);
    for (const [data] of await Promise.all(heard)) expect(data).toEqual({ price: 7 });

    await until('all spans are there', () => collector.of(traceId).length === 3);
    const [publishing, ...others] = collector
      .of(traceId)
      .sort((a, b) => Number(b.span.name === 'publish') - Number(a.span.name === 'publish'));
    expect(publishing?.span).toMatchObject({ name: 'publish', kind: 4, parentSpanId: spanId });
    expect(publishing?.headers).toMatchObject({
      'content-type': 'application/json',
      authorization: 'Bearer for-the-collector',
    });
    expect(publishing?.resource).toMatchObject({
      'service.name': 'chat',
      'service.instance.id': 'one',
      'service.version': expect.stringMatching(/^\d+\.\d+\.\d+$/),
    });
    const sockets = others.map(({ resource, span }) => {
      const { spanId: parentSpanId } = publishing?.span ?? {};
      expect(span).toMatchObject({ name: 'deliver', kind: 5, parentSpanId });
      const { 'mooring.sockets': count } = readAttributes(span.attributes);
      return [resource['service.instance.id'], count];
    });
    expect(sockets.sort()).toEqual([
      ['one', 1],
      ['two', 2],
    ]);
    const ids = collector.of(traceId).map(({ span }) => span.spanId);
    expect(new Set(ids).size).toBe(3);
    for (const { span } of collector.of(traceId)) {
      const [start, end] = [span.startTimeUnixNano, span.endTimeUnixNano].map(milliseconds);
      expect(start).toBeGreaterThan(before - 100);
      expect(end).toBeGreaterThanOrEqual(start ?? 0);
      expect(end).toBeLessThanOrEqual(Date.now());
    }
    expect(JSON.stringify(collector.received)).not.toMatch(/lobby|alice|bob|carol|price|offer/);
  });

  it('is traced as its caller wants, or else a share of them', async () => {
    const collector = await startCollector();
    const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector.url };
    const always = await startApp(env);
    const never = await startApp({ ...env, OTEL_TRACES_SAMPLER_ARG: '0' });
    const [unwanted, wanted] = [newTrace(false), newTrace()];
    await publish(always.operationsUrl, { everyone: true }, unwanted.traceparent);
    await publish(never.operationsUrl, { everyone: true });
    await publish(never.operationsUrl, { everyone: true }, wanted.traceparent);
    await publish(always.operationsUrl, { everyone: true }, 'no trace');
    await until('two are traced', () => collector.received.length === 2);
    await Promise.all([always.close(), never.close()]); // what waits is sent before
    const spans = collector.received.map(({ span }) => span);
    expect(spans).toHaveLength(2);
    const roots = spans.filter(({ parentSpanId }) => !parentSpanId);
    expect(roots).toHaveLength(1);
    expect(roots[0]?.traceId).toMatch(/^[\da-f]{32}$/);
    expect(collector.of(unwanted.traceId)).toEqual([]);
    expect(collector.of(wanted.traceId)).toHaveLength(1);
  });

  it('that Redis does not take is a span with an error', async () => {
    const collector = await startCollector();
    const REDIS_URL = `redis://127.0.0.1:${await freePort()}`;
    const service = await startApp({ REDIS_URL, OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const { traceId, traceparent } = newTrace();
    const { status } = await publish(service.operationsUrl, { everyone: true }, traceparent);
    expect(status).toBe(503);
    await until('the span is there', () => collector.of(traceId).length === 1);
    expect(collector.of(traceId)[0]?.span.status).toEqual({
      code: 2,
      message: 'Redis is unavailable',
    });
  });

  it('has its trace in the log, with a collector or without', async () => {
    const { operationsUrl, logged } = await startApp({ LOG_LEVEL: 'debug' });
    const { traceId, traceparent } = newTrace();
    expect((await publish(operationsUrl, { everyone: true }, traceparent)).status).toBe(202);
    expect(logged.find(({ msg }) => msg === 'backend API request')).toMatchObject({ traceId });
  });
});

describe('a context on the wire', () => {
  it('leaves the rest of a message as it is, attachments too', () => {
    const id = '0000000000000007';
    const text = `51-["x",{"_placeholder":true,"num":0},"${id}"]`;
    const payload = encode([text, Buffer.from('abc')], { except: ['room'] }, 1);
    const plain = new Envelope(id, payload, id);
    const traced = new Envelope(id, withContext(payload, 'context'), id);
    expect(plain.header).toEqual({ except: ['room'], attachments: [3] });
    expect(traced.header).toEqual({ ...plain.header, context: 'context' });
    expect(traced.packets).toEqual(plain.packets);
    expect(traced.packets).toEqual([text, Buffer.from('abc')]);
  });
});

describe('a collector', () => {
  it('that is unavailable gets it later, and nothing waits for it', async () => {
    const collector = await startCollector();
    collector.answer(503);
    const service = await startApp({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const { traceId, traceparent } = newTrace();
    expect((await publish(service.operationsUrl, { everyone: true }, traceparent)).status).toBe(
      202,
    );
    await until('it was asked', () => collector.asked() > 0);
    expect(collector.of(traceId)).toEqual([]);
    collector.answer(200);
    await until('it has it', () => collector.of(traceId).length === 1);
    expect(await samples(service.operationsUrl, 'spans_dropped_total')).toEqual({ '': 0 });
    expect(service.logged.some(({ stage }) => stage === 'trace_export')).toBe(true);
  });

  it('that refuses is not asked again, and what is lost is counted', async () => {
    const collector = await startCollector();
    collector.answer(400);
    const { operationsUrl } = await startApp({ OTEL_EXPORTER_OTLP_ENDPOINT: collector.url });
    const dropped = async () => (await samples(operationsUrl, 'spans_dropped_total'))[''];
    await publish(operationsUrl, { everyone: true });
    await until('it is counted', async () => (await dropped()) === 1);
    expect(collector.asked()).toBe(1);
  });

  it('that hangs costs a bounded queue, and does not keep the exporter from closing', async () => {
    let dropped = 0;
    const hang = () => new Promise<Sent>(() => {});
    const exporter = openExporter(hang, (spans) => {
      dropped += spans;
    });
    for (let i = 0; i < 4_000; i += 1) exporter.add(`${i}`, { name: 'x' } as Span);
    await new Promise((resolve) => setImmediate(resolve));
    expect(dropped).toBe(4_000 - 512 - 2_048); // on its way, and in the queue
    await exporter.close();
    expect(dropped).toBe(4_000);
  });
});
