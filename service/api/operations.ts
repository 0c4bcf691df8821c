// The operations port: probes, metrics and the back-end API. Never exposed to clients.
import { createServer, type Server } from 'node:http';
import { describeApi } from './openapi.ts';
import { createRoutes, type Handler, json, listenerOf, type Route } from './router.ts';

export interface OperationsParts {
  /** Whether clients may be sent here, with the reason if not. */
  readiness(): { ready: boolean; reason?: string };
  /** The Prometheus text format. */
  metrics(): Promise<string>;
  api: Handler;
  failed(error: unknown): void;
}

/** The probes of either port: load balancers can reach only the one for clients. */
export const probes = (readiness: OperationsParts['readiness']): Record<string, Route> => ({
  // The process works, whatever Redis does: a restart would not bring Redis back.
  'GET /healthz': () => json(200, { ok: true }),
  'GET /readyz': () => {
    const state = readiness();
    return json(state.ready ? 200 : 503, state);
  },
});

export function createOperations({ readiness, metrics, api, failed }: OperationsParts): Server {
  const routes = createRoutes({
    ...probes(readiness),
    'GET /openapi.json': () => json(200, describeApi()),
    'GET /metrics': async () => ({
      status: 200,
      headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' },
      body: await metrics(),
    }),
  });
  const all: Handler = (request) => (request.url.startsWith('/v1/') ? api : routes)(request);
  return createServer(listenerOf(all, failed));
}
