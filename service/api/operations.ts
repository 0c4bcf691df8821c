// The operations port: probes, metrics and the backend API. Never expose it to clients.
import type { Server } from 'node:http';
import { describeApi } from './openapi.ts';
import {
  backendBodyBytesMax,
  createHttpServer,
  createRoutes,
  type Handler,
  json,
  listenerOf,
  type Route,
} from './router.ts';

export interface OperationsParts {
  /** Whether this replica accepts new clients, why not, and whether it receives messages. */
  readiness(): { ready: boolean; live?: boolean; reason?: string };
  /** In the Prometheus text format. */
  metrics(): Promise<string>;
  api: Handler;
  onError(error: unknown): void;
}

/** The probes, on both ports: load balancers can reach only the client port. */
export const probes = (readiness: OperationsParts['readiness']): Record<string, Route> => ({
  // Independent of Redis: a restart would not bring Redis back.
  'GET /healthz': () => json(200, { ok: true }),
  'GET /readyz': () => {
    const state = readiness();
    return json(state.ready ? 200 : 503, state);
  },
});

export function createOperations({ readiness, metrics, api, onError }: OperationsParts): Server {
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
  return createHttpServer(listenerOf(all, onError, backendBodyBytesMax));
}
