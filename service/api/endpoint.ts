// A route of the backend API as data: the same schemas validate requests and generate OpenAPI.
import type { z } from 'zod';
import type { Scope } from '../config/credentials.ts';
import { fullBucket, type TokenBucket, takeToken } from '../lib/token-bucket.ts';
import { Unavailable } from '../protocol/refusals.ts';
import {
  type HttpRequest,
  type HttpResponse,
  json,
  type Params,
  problem,
  type Route,
} from './router.ts';

export interface Endpoint {
  /** Method and path, such as `GET /v1/users/:userId`. */
  name: string;
  summary: string;
  /** What the API key must be allowed to do. */
  scope: Scope;
  /** Schema of the path parameters. */
  path?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Status and body of a successful answer. */
  status: 200 | 202;
  answer: z.ZodType;
  /** Statuses of its own, beside those of every route, with what they mean. */
  refusals?: Record<number, string>;
}

type Part<E extends Endpoint, K extends 'path' | 'query' | 'body'> = E[K] extends z.ZodType
  ? z.output<E[K]>
  : undefined;
export interface Input<E extends Endpoint> {
  path: Part<E, 'path'>;
  query: Part<E, 'query'>;
  body: Part<E, 'body'>;
  headers: HttpRequest['headers'];
  /** The name of the API key. */
  caller: string;
}

/** What `run` answers instead of a result. */
export interface Refused {
  refused: HttpResponse;
}

/** A problem with a code that programs can tell apart. */
export const refuse = (status: number, code: string, title: string, detail: string): Refused => ({
  refused: problem(status, title, detail, { code }),
});

/**
 * Authorizes and validates the request; answers 400 with every problem, or with what `run` resolves
 * to.
 * @param changesOf what the request changes, for the audit log; without it, nothing
 */
export function routeOf<E extends Endpoint>(
  endpoint: E,
  run: (input: Input<E>) => Promise<z.input<E['answer']> | Refused>,
  changesOf?: (input: Input<E>) => object,
): Record<string, Route> {
  const answerTo = async (request: HttpRequest, params: Params): Promise<HttpResponse> => {
    const { headers, caller } = request;
    const input: Record<string, unknown> = { headers, caller: caller?.name };
    const errors: RequestError[] = [];
    for (const part of ['path', 'query', 'body'] as const) {
      const parsed = endpoint[part]?.safeParse(given[part](request, params));
      input[part] = parsed?.data;
      if (parsed?.error) errors.push(...errorsOf(parsed.error));
    }
    if (errors.length > 0) return invalid(errors).refused;
    const changes = changesOf?.(input as never);
    const answer = await run(input as never).catch(ifUnavailable);
    const response = isRefused(answer) ? answer.refused : json(endpoint.status, answer);
    return { ...response, ...(changes && { log: { changes } }) };
  };
  const route: Route = (request, params) => {
    const { caller } = request;
    if (caller?.scopes.includes(endpoint.scope)) return answerTo(request, params);
    return lacksScope(endpoint.scope, caller?.name ?? '');
  };
  return { [endpoint.name]: route };
}

/**
 * Refuses what a key asks beyond `perSecondMax`, on average; bursts hold five seconds' worth.
 * @returns the refusal, if there is one
 */
export function createKeyLimit(perSecondMax: number): (key: string) => Refused | undefined {
  const buckets = new Map<string, TokenBucket>();
  return (key) => {
    const nowMs = performance.now();
    const bucket = buckets.get(key) ?? fullBucket(perSecondMax, nowMs);
    buckets.set(key, bucket);
    return takeToken(bucket, perSecondMax, nowMs) ? undefined : tooMany(perSecondMax);
  };
}

function tooMany(perSecondMax: number): Refused {
  const detail = `The API key may ask this ${perSecondMax} times per second on each process`;
  const extensions = { code: 'rate_limited', retryable: true };
  return later(problem(429, 'Too many requests', detail, extensions));
}

const later = (answer: HttpResponse): Refused => ({
  refused: { ...answer, headers: { ...answer.headers, 'Retry-After': '1' } },
});

/** The parts of a request, before they are validated. */
const given = {
  path: (_: HttpRequest, params: Params) => decoded(params),
  query: ({ url }: HttpRequest) =>
    Object.fromEntries(new URLSearchParams(url.replace(/^[^?]*/, ''))),
  body: ({ body }: HttpRequest) => parseJson(body),
};

/** A value that is invalid, and where it is in the request. */
export interface RequestError {
  pointer: string;
  detail: string;
}

/** @param place where the value that was validated is */
export const errorsOf = (error: z.ZodError, place: PropertyKey[] = []): RequestError[] =>
  error.issues.map(({ path, message }) => ({
    pointer: `/${[...place, ...path].join('/')}`,
    detail: message,
  }));

export const invalid = (errors: RequestError[]): Refused => ({
  refused: problem(400, 'Invalid request', 'One or more values are invalid; see errors', {
    errors,
  }),
});

function lacksScope(scope: Scope, name: string): HttpResponse {
  const detail = `The API key ${name} lacks the scope ${scope}`;
  const answer = problem(403, 'Forbidden', detail, { code: 'insufficient_scope' });
  const challenge = `Bearer realm="mooring", error="insufficient_scope", scope="${scope}"`;
  return { ...answer, headers: { ...answer.headers, 'WWW-Authenticate': challenge } };
}

export function ifUnavailable(error: unknown): Refused {
  if (!(error instanceof Unavailable)) throw error;
  return unavailable();
}

function unavailable(): Refused {
  const detail = 'Redis or a replica is unavailable; try again';
  return later(problem(503, 'Unavailable', detail, { retryable: true }));
}

export const isRefused = (answer: unknown): answer is Refused =>
  typeof answer === 'object' && answer !== null && 'refused' in answer;

/** A malformed escape becomes an empty value, which no schema of a path accepts. */
function decoded(params: Record<string, string>) {
  const decode = (value: string) => {
    try {
      return decodeURIComponent(value);
    } catch {
      return '';
    }
  };
  return Object.fromEntries(Object.entries(params).map(([name, value]) => [name, decode(value)]));
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
