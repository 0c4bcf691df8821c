// W3C Trace Context: parses and formats `traceparent`.

export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits: the parent span. */
  spanId: string;
  /** Whether the caller records this trace. */
  sampled: boolean;
}

const form =
  /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** `undefined` if it is malformed: the specification says to ignore it then. */
export function parseTraceparent(text: unknown): TraceContext | undefined {
  const [, version, traceId, spanId, flags = '', rest] = form.exec(String(text ?? '')) ?? [];
  if (!traceId || !spanId || (version === '00' && rest)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export const formatTraceparent = ({ traceId, spanId, sampled }: TraceContext) =>
  `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
