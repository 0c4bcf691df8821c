// Logs each request of a backend with its id; a caller's X-Request-Id is kept, to join both logs.
// What changes something is always in the log, with the name of the API key: that is the audit log.
import { randomUUID } from 'node:crypto';
import { createLimitedLog, type Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { parseTraceparent } from '../telemetry/tracing/traceparent.ts';
import type { Handler } from './router.ts';

const plain = /^[\w.:-]{1,128}$/;

export function logged(handler: Handler, log: Log, metrics: Metrics): Handler {
  const tell = createLimitedLog(log);
  return async (request) => {
    const startedAt = performance.now();
    const given = String(request.headers['x-request-id'] ?? '');
    const requestId = plain.test(given) ? given : randomUUID();
    const { log: about, ...response } = await handler(request);
    const { status } = response;
    metrics.apiRequested(about?.apiKey ?? 'none', status);
    const [path] = request.url.split('?', 1);
    const durationMs = Math.round(performance.now() - startedAt);
    const trace = parseTraceparent(request.headers.traceparent);
    const traced = trace && { traceId: trace.traceId };
    const { method } = request;
    const line = { requestId, ...traced, ...about, method, path, status, durationMs };
    if (about?.changes) log.info({ ...line, audit: true }, 'backend API request');
    else if (status === 401) tell('warn', 'unauthorized', line, 'backend API request');
    else log.debug(line, 'backend API request');
    return { ...response, headers: { ...response.headers, 'X-Request-Id': requestId } };
  };
}
