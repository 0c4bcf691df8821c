import { describe, expect, it } from 'vitest';
import { parseTraceparent } from '../../service/telemetry/tracing/traceparent.ts';

describe('traceparent', () => {
  const [trace, span] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];

  it.each([
    [`00-${trace}-${span}-01`, true],
    [`00-${trace}-${span}-00`, false],
    [`00-${trace}-${span}-03`, true],
    [`cc-${trace}-${span}-01-of-the-future`, true],
  ])('is read from %s', (text, sampled) => {
    expect(parseTraceparent(text)).toEqual({ traceId: trace, spanId: span, sampled });
  });

  it.each([
    ['', undefined, [`00-${trace}-${span}-01`, 'two']],
    [`ff-${trace}-${span}-01`, `00-${trace}-${span}-01-more`, `00-${trace}-${span}-1`],
    [`00-${'0'.repeat(32)}-${span}-01`, `00-${trace}-${'0'.repeat(16)}-01`],
    [`00-${trace.toUpperCase()}-${span}-01`, `00-${trace}-${span}`],
  ])('is ignored when it is none', (...texts) => {
    for (const text of texts) expect(parseTraceparent(text)).toBeUndefined();
  });
});
