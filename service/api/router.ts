// Routing over node:http. Requests and responses are plain objects, so that the primary can forward
// them to a worker.
import { once } from 'node:events';
import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { addRoute, createRouter, findRoute } from 'rou3';
import type { ApiKey } from '../config/credentials.ts';

export interface HttpRequest {
  method: string;
  /** Path and query, as on the request line. */
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  /** The API key that the request was authenticated with. */
  caller?: ApiKey;
}

export interface HttpResponse {
  status: number;
  headers?: Record<string, string>;
  body?: string;
  /** For the log; never sent. */
  log?: { apiKey?: string; changes?: object };
}

export type Params = Record<string, string>;
export type Route = (request: HttpRequest, params: Params) => HttpResponse | Promise<HttpResponse>;
export type Handler = (request: HttpRequest) => Promise<HttpResponse>;

/** What a backend may send. Clients send bodies to Engine.IO only, which has its own limit. */
export const backendBodyBytesMax = 1024 * 1024;

const timeouts = {
  // Load balancers keep idle connections for up to 600 s (Google). One that this server has just
  // closed would cost them a request.
  keepAliveTimeout: 620_000,
  headersTimeout: 10_000,
  requestTimeout: 15_000, // until the body is complete
  connectionsCheckingInterval: 2_000,
};

export const createHttpServer = (listener: RequestListener): Server =>
  createServer(timeouts, listener);

/** @param routes by method and path, such as `GET /v1/users/:id` */
export function createRoutes(routes: Record<string, Route>): Handler {
  const router = createRouter<Route>();
  const methods = new Set(Object.keys(routes).map((name) => name.split(' ')[0] ?? ''));
  const methodsOf = (path: string) => [...methods].filter((one) => findRoute(router, one, path));
  for (const [name, route] of Object.entries(routes)) {
    const [method, path = ''] = name.split(' ');
    addRoute(router, method, path, route);
  }
  return async (request) => {
    const [path = ''] = request.url.split('?', 1);
    const method = request.method === 'HEAD' ? 'GET' : request.method; // node:http drops the body
    const found = findRoute(router, method, path);
    if (!found) return notFound(request.method, path, methodsOf(path));
    return found.data(request, (found.params ?? {}) as Params);
  };
}

/** @param allowed the methods that the path has */
function notFound(method: string, path: string, allowed: string[]): HttpResponse {
  if (allowed.length === 0) return problem(404, 'Not found', `${method} ${path}`);
  const allow = allowed.flatMap((one) => (one === 'GET' ? ['GET', 'HEAD'] : one)).join(', ');
  const answer = problem(405, 'Method not allowed', `${method} ${path}: use ${allow}`);
  return { ...answer, headers: { ...answer.headers, Allow: allow } };
}

/** An error as RFC 9457 problem details. */
export function problem(
  status: number,
  title: string,
  detail: string,
  extensions: object = {},
): HttpResponse {
  return {
    status,
    headers: { 'Content-Type': 'application/problem+json' },
    body: JSON.stringify({ type: 'about:blank', title, status, detail, ...extensions }),
  };
}

export function json(status: number, value: unknown): HttpResponse {
  const headers = { 'Content-Type': 'application/json' };
  return { status, headers, body: JSON.stringify(value) };
}

/**
 * A listener for node:http; an error that a handler throws goes to `onError` and answers 500.
 * @param bodyBytesMax the largest body that is read; by default none is
 */
export function listenerOf(
  handler: Handler,
  onError: (error: unknown) => void,
  bodyBytesMax = 0,
): RequestListener {
  return async (message, response) => {
    try {
      const body = await readBody(message, bodyBytesMax);
      if (body === undefined) {
        const detail = `The body is larger than ${bodyBytesMax} bytes`;
        return send(response, problem(413, 'Body too large', detail));
      }
      const { method = 'GET', url = '/', headers } = message;
      send(response, await handler({ method, url, headers, body }));
    } catch (error) {
      if (message.destroyed && !message.complete) return; // the client disconnected
      onError(error);
      if (response.headersSent) response.destroy();
      else send(response, problem(500, 'Internal error', 'The error was logged'));
    }
  };
}

/**
 * Resolves to undefined if the body is too large. Reads by events: an iterator costs a seventh of a
 * whole request.
 */
function readBody(message: IncomingMessage, bodyBytesMax: number): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    message.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > bodyBytesMax) resolve(undefined);
      else chunks.push(chunk);
    });
    message.once('end', () => resolve(Buffer.concat(chunks).toString()));
    message.once('error', reject);
  });
}

function send(response: ServerResponse, { status, headers = {}, body = '' }: HttpResponse): void {
  response.writeHead(status, { 'Content-Length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

/** Resolves to the port once the server is listening; 0 picks a free port. */
export async function listen(server: Server, port: number, host?: string): Promise<number> {
  server.listen({ port, host });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
