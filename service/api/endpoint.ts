// A route of the backend API as data: the same schemas validate requests and generate OpenAPI.
import type { z } from 'zod';
import { type HttpRequest, type HttpResponse, json, problem, type Route } from './router.ts';

export interface Endpoint {
  /** Method and path, such as `GET /v1/users/:userId`. */
  name: string;
  summary: string;
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
}

/** What `run` answers instead of a result. */
interface Refused {
  refused: HttpResponse;
}

/** A problem with a code that programs can tell apart. */
export const refuse = (status: number, code: string, title: string, detail: string): Refused => ({
  refused: problem(status, title, detail, { code }),
});

/** Validates the request; answers 400 with every problem, or with what `run` resolves to. */
export function routeOf<E extends Endpoint>(
  endpoint: E,
  run: (input: Input<E>) => Promise<z.input<E['answer']> | Refused>,
): Record<string, Route> {
  const route: Route = async (request, params): Promise<HttpResponse> => {
    const query = new URLSearchParams(request.url.replace(/^[^?]*/, ''));
    const given = {
      path: decoded(params),
      query: Object.fromEntries(query),
      body: parseJson(request.body),
    };
    const input: Record<string, unknown> = { headers: request.headers };
    const errors: { pointer: string; detail: string }[] = [];
    for (const part of ['path', 'query', 'body'] as const) {
      const parsed = endpoint[part]?.safeParse(given[part]);
      input[part] = parsed?.data;
      for (const { path, message } of parsed?.error?.issues ?? []) {
        errors.push({ pointer: `/${path.join('/')}`, detail: message });
      }
    }
    if (errors.length > 0)
      return problem(400, 'Invalid request', 'One or more values are invalid; see errors', {
        errors,
      });
    const answer = await run(input as never);
    return isRefused(answer) ? answer.refused : json(endpoint.status, answer);
  };
  return { [endpoint.name]: route };
}

const isRefused = (answer: unknown): answer is Refused =>
  typeof answer === 'object' && answer !== null && 'refused' in answer;

/** Keeps malformed escapes as they are: validation rejects the percent sign. */
function decoded(params: Record<string, string>) {
  const decode = (value: string) => {
    try {
      return decodeURIComponent(value);
    } catch {
      return value;
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
