// GET /openapi.json: OpenAPI 3.1, generated from the schemas that validate requests.
import { z } from 'zod';
import { disconnectEndpoint } from './disconnect.ts';
import type { Endpoint } from './endpoint.ts';
import { podsEndpoint } from './pods.ts';
import { publishEndpoint } from './publish.ts';
import { publishBatchEndpoint } from './publish-batch.ts';
import { revokeEndpoint } from './revoke.ts';
import { historyEndpoint, membersEndpoint, presenceEndpoint } from './rooms.ts';
import { readTraceEndpoint, startTraceEndpoint, stopTraceEndpoint } from './traces.ts';
import { userEndpoint } from './users.ts';

const endpoints: Endpoint[] = [
  publishEndpoint,
  publishBatchEndpoint,
  disconnectEndpoint,
  revokeEndpoint,
  presenceEndpoint,
  membersEndpoint,
  historyEndpoint,
  userEndpoint,
  podsEndpoint,
  startTraceEndpoint,
  readTraceEndpoint,
  stopTraceEndpoint,
];

const problemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  retryable: z.boolean().optional(),
  code: z.string().optional(),
});

const refusals = {
  400: 'One or more values are invalid; see errors',
  401: 'The API key is missing or wrong',
  403: 'The API key lacks the scope, or no key is set, so the API is disabled',
  413: 'The body is too large',
  500: 'Internal error; the log has the details',
  503: 'Redis or a replica is unavailable; retrying the same request is safe',
};

export function describeApi() {
  const paths: Record<string, Record<string, object>> = {};
  for (const endpoint of endpoints) {
    const [method = '', path = ''] = endpoint.name.split(' ');
    const template = path.replace(/:(\w+)/g, '{$1}');
    paths[template] = { ...paths[template], [method.toLowerCase()]: describe(endpoint) };
  }
  return {
    openapi: '3.1.0',
    info: { title: 'Mooring backend API', version: '1' },
    paths,
    components: {
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer' } },
      schemas: { Problem: schemaOf(problemSchema) },
      responses: Object.fromEntries(
        Object.entries(refusals).map(([status, text]) => [`Problem${status}`, problemOf(text)]),
      ),
    },
  };
}

const problemOf = (description: string) => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
});

function describe(endpoint: Endpoint) {
  const { name, summary, scope, path, query, body, status, answer } = endpoint;
  const parameters = [...parametersOf('path', path), ...parametersOf('query', query)];
  const content = (schema: z.ZodType) => ({ 'application/json': { schema: schemaOf(schema) } });
  const statuses = Object.keys(refusals);
  const problems = statuses.map((code) => [
    code,
    { $ref: `#/components/responses/Problem${code}` },
  ]);
  const own = Object.entries(endpoint.refusals ?? {}).map(([code, text]) => [
    code,
    problemOf(code in refusals ? `${refusals[Number(code) as 403]}; or: ${text}` : text),
  ]);
  return {
    operationId: operationId(name),
    summary,
    security: [{ apiKey: [scope] }],
    ...(parameters.length > 0 && { parameters }),
    ...(body && { requestBody: { required: true, content: content(body) } }),
    responses: {
      [status]: { description: status === 202 ? 'Accepted' : 'OK', content: content(answer) },
      ...Object.fromEntries([...problems, ...own]),
    },
  };
}

function parametersOf(place: 'path' | 'query', schema: z.ZodObject | undefined) {
  return Object.entries(schema?.shape ?? {}).map(([name, part]) => {
    const { description, ...described } = schemaOf(part as z.ZodType);
    const required = place === 'path';
    return { name, in: place, required, ...(description && { description }), schema: described };
  });
}

/** The input side, before defaults; what JSON Schema cannot express allows any value. */
function schemaOf(schema: z.ZodType): { description?: string; [key: string]: unknown } {
  const { $schema, ...described } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return described as { description?: string };
}

/** `GET /v1/rooms/:roomId/presence` is getRoomsPresence. */
function operationId(name: string): string {
  const words = name.replace('/v1', '').match(/(?<!:)\b[A-Za-z]+/g) ?? [];
  return words
    .map((word, i) =>
      i === 0 ? word.toLowerCase() : (word[0] ?? '').toUpperCase() + word.slice(1),
    )
    .join('');
}
