// Logs each request of a backend with its id; a caller's X-Request-Id is kept, to join both logs.
import { randomUUID } from 'node:crypto';
import type { Log } from '../telemetry/log.ts';
import { parseTraceparent } from '../telemetry/tracing/traceparent.ts';
import type { Handler } from './router.ts';

const plain = /^[\w.:-]{1,128}$/;

export function logged(handler: Handler, log: Log): Handler {
  return async (request) => {
    const startedAt = performance.now();
    const given = String(request.headers['x-request-id'] ?? '');
    const requestId = plain.test(given) ? given : randomUUID();
    const response = await handler(request);
    const { status } = response;
    const [path] = request.url.split('?', 1);
    const durationMs = Math.round(performance.now() - startedAt);
    const trace = parseTraceparent(request.headers.traceparent);
    const traced = trace && { traceId: trace.traceId };
    const level = status === 401 ? 'warn' : 'debug';
    log[level](
      { requestId, ...traced, method: request.method, path, status, durationMs },
      'backend API request',
    );
    return { ...response, headers: { ...response.headers, 'X-Request-Id': requestId } };
  };
}
