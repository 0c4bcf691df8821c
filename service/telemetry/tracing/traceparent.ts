// W3C Trace Context: the trace that a caller says its request is part of.

export interface TraceContext {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits: the caller's span. */
  spanId: string;
  /** Whether the caller records it, and wants others to. */
  sampled: boolean;
}

const form =
  /^(?!ff)([\da-f]{2})-(?!0{32})([\da-f]{32})-(?!0{16})([\da-f]{16})-([\da-f]{2})(-.*)?$/;

/** `undefined` when it is none: the standard has it ignored then. */
export function parseTraceparent(text: unknown): TraceContext | undefined {
  const [, version, traceId, spanId, flags = '', rest] = form.exec(String(text ?? '')) ?? [];
  if (!traceId || !spanId || (version === '00' && rest)) return undefined;
  return { traceId, spanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
}

export const formatTraceparent = ({ traceId, spanId, sampled }: TraceContext) =>
  `00-${traceId}-${spanId}-${sampled ? '01' : '00'}`;
