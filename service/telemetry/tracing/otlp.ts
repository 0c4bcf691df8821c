// Spans and their OTLP JSON encoding: https://opentelemetry.io/docs/specs/otlp/

export interface Span {
  traceId: string;
  spanId: string;
  /** The parent span; a root span has none. */
  parentId?: string | undefined;
  name: string;
  kind: 'producer' | 'consumer';
  /** Epoch milliseconds, with fractions. */
  startMs: number;
  endMs: number;
  attributes: Attributes;
  /** The error message, if it failed. */
  error?: string;
}

type Attributes = Record<string, string | number>;

const kinds = { producer: 4, consumer: 5 };
const failed = 2;

/** @param resource attributes of the service that all spans share */
export const toOtlp = (spans: Iterable<Span>, resource: Attributes, scope: object) => ({
  resourceSpans: [
    {
      resource: { attributes: attributesOf(resource) },
      scopeSpans: [{ scope, spans: Array.from(spans, spanOf) }],
    },
  ],
});

const spanOf = ({ traceId, spanId, parentId, name, kind, error, ...span }: Span) => ({
  traceId,
  spanId,
  ...(parentId && { parentSpanId: parentId }),
  name,
  kind: kinds[kind],
  startTimeUnixNano: nanoseconds(span.startMs),
  endTimeUnixNano: nanoseconds(span.endMs),
  attributes: attributesOf(span.attributes),
  ...(error !== undefined && { status: { code: failed, message: error } }),
});

/** A string, because a JSON number would lose precision. */
const nanoseconds = (ms: number) => String(BigInt(Math.round(ms * 1_000)) * 1_000n);

const attributesOf = (attributes: Attributes) =>
  Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === 'string' ? { stringValue: value } : { intValue: String(value) },
  }));
