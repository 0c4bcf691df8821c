// POST /v1/publish/batch: publishes several messages with one request. Each is validated, published
// and answered on its own, as POST /v1/publish does; all go to Redis together, in order.
import { z } from 'zod';
import {
  type Endpoint,
  errorsOf,
  ifUnavailable,
  invalid,
  isRefused,
  type Refused,
  type RequestError,
  routeOf,
} from './endpoint.ts';
import { namesLoggedMax, type Publishing, publishEndpoint, publishSchema } from './publish.ts';

const messagesMax = 1_000;

/** For OpenAPI. The schema is applied to each message on its own. */
const { $schema, ...describedMessage } = z.toJSONSchema(publishSchema, {
  io: 'input',
  unrepresentable: 'any',
});

const refusedSchema = z.looseObject({
  status: z.int(),
  title: z.string(),
  detail: z.string(),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  code: z.string().optional(),
  retryable: z.boolean().optional(),
});

export const publishBatchEndpoint = {
  name: 'POST /v1/publish/batch',
  summary: 'Publishes several messages; answers for each what POST /v1/publish would, in order',
  scope: 'publish',
  body: z.strictObject({
    messages: z.array(z.unknown().meta(describedMessage)).min(1).max(messagesMax),
  }),
  status: 202,
  answer: z.object({ results: z.array(z.union([publishEndpoint.answer, refusedSchema])) }),
  refusals: publishEndpoint.refusals,
} as const satisfies Endpoint;

type Result = { id: string } | Refused;

export const publishBatchRoute = (publish: Publishing) =>
  routeOf(
    publishBatchEndpoint,
    async ({ body: { messages }, ...asked }) => {
      const answerTo = async (message: unknown, i: number): Promise<Result> => {
        const { data, error } = publishSchema.safeParse(message);
        if (!data) return invalid(errorsOf(error, ['messages', i]));
        return publish(data, asked).catch(ifUnavailable);
      };
      const results = await Promise.all(messages.map(answerTo));
      return refusalOf(results) ?? { results: results.map(shown) };
    },
    ({ body: { messages } }) => ({ messages: messages.length, events: eventsOf(messages) }),
  );

const shown = (result: Result) =>
  isRefused(result) ? JSON.parse(result.refused.body ?? '{}') : result;

/** If all are refused for the same reason, so is the request, as one with a single message is. */
function refusalOf(results: Result[]): Refused | undefined {
  const refused = results.filter((result) => isRefused(result));
  const [first] = refused;
  if (!first || refused.length < results.length) return undefined;
  if (refused.some((other) => other.refused.status !== first.refused.status)) return undefined;
  if (first.refused.status !== 400) return first;
  return invalid(refused.flatMap((one): RequestError[] => shown(one).errors));
}

/** The names of the events, for the audit log. */
function eventsOf(messages: unknown[]): unknown[] {
  const names = messages.map((message) => Reflect.get(Object(message), 'event'));
  return [...new Set(names)].slice(0, namesLoggedMax);
}
