// Traces what backends publish: one span for the publish, and one for the delivery on each process
// that has receiving clients. Off without a collector.
import { randomBytes } from 'node:crypto';
import type { Config } from '../../config/schema.ts';
import { wallClockMs } from '../../lib/wall-clock.ts';
import type { Report } from '../errors.ts';
import type { Metrics } from '../metrics.ts';
import { collectorAt } from './collector.ts';
import { openExporter } from './exporter.ts';
import { formatTraceparent, parseTraceparent, type TraceContext } from './traceparent.ts';

export type Tracing = ReturnType<typeof openTracing>;

/**
 * Runs a publish within the caller's trace, or within a new one. `publish` gets the context to send
 * along with the message; without a context the trace is not recorded.
 */
export type Traced = <T>(
  traceparent: unknown,
  publish: (context?: string) => Promise<T>,
) => Promise<T>;

const untraced: Traced = (_, publish) => publish();

export function openTracing(config: Config, metrics: Metrics, report: Report) {
  const { otelExporterOtlpEndpoint: endpoint } = config;
  if (!endpoint) return { publishing: untraced, follow: same, close: async () => {} };
  const send = collectorAt(endpoint, config, report);
  const exporter = openExporter(send, metrics.spansDropped);
  return {
    publishing: tracedBy(exporter, config.otelTracesSamplerArg),
    /** Metrics that also record a span for each delivery with a context. */
    follow: (counted: Metrics): Metrics => ({
      ...counted,
      deliveryDelayed(seconds, delivery) {
        counted.deliveryDelayed(seconds);
        if (delivery) addDelivery(exporter, seconds * 1000, delivery);
      },
    }),
    close: exporter.close,
  };
}

type Exporter = ReturnType<typeof openExporter>;

const same = (metrics: Metrics) => metrics;

/** @param share of publishes without a caller's trace that start a new one */
function tracedBy(exporter: Exporter, share: number): Traced {
  return async (traceparent, publish) => {
    const parent = parseTraceparent(traceparent);
    if (!(parent?.sampled ?? Math.random() < share)) return publish();
    const traceId = parent?.traceId ?? randomBytes(16).toString('hex');
    const context = { traceId, spanId: newSpanId(), sampled: true };
    const startMs = wallClockMs();
    const startedAt = performance.now();
    const ended = (failure: { error?: string } = {}) =>
      exporter.add(context.spanId, {
        ...spanOf(context, parent?.spanId),
        name: 'publish',
        kind: 'producer',
        startMs,
        endMs: startMs + performance.now() - startedAt,
        attributes: attributesOf('publish', 'send'),
        ...failure,
      });
    try {
      const result = await publish(formatTraceparent(context));
      ended();
      return result;
    } catch (error) {
      ended({ error: error instanceof Error ? error.message : String(error) });
      throw error;
    }
  };
}

/** A message to several rooms arrives several times: one span while it is still queued. */
function addDelivery(
  exporter: Exporter,
  delayMs: number,
  { context, sockets }: { context: string; sockets: number },
): void {
  const endMs = wallClockMs();
  const known = exporter.waiting(context);
  if (known) {
    known.endMs = endMs;
    known.attributes[socketsName] = Number(known.attributes[socketsName]) + sockets;
    return;
  }
  const parent = parseTraceparent(context);
  if (!parent) return;
  exporter.add(context, {
    ...spanOf({ traceId: parent.traceId, spanId: newSpanId() }, parent.spanId),
    name: 'deliver',
    kind: 'consumer',
    startMs: endMs - delayMs, // when it was published, by the clock of Redis
    endMs,
    attributes: { ...attributesOf('deliver', 'process'), [socketsName]: sockets },
  });
}

const socketsName = 'mooring.sockets';
const newSpanId = () => randomBytes(8).toString('hex');
const spanOf = (
  { traceId, spanId }: Pick<TraceContext, 'traceId' | 'spanId'>,
  parentId?: string,
) => ({
  traceId,
  spanId,
  parentId,
});

/** Named by the OpenTelemetry semantic conventions for messaging. */
const attributesOf = (name: string, type: string) => ({
  'messaging.system': 'mooring',
  'messaging.operation.name': name,
  'messaging.operation.type': type,
});
