// Traces of single users: POST /v1/traces starts one on every process, GET reads what happened
// since the last read, DELETE ends it. One that nobody reads ends by itself.
import { z } from 'zod';
import { readJson } from '../lib/read-json.ts';
import { userIdSchema } from '../protocol/identity.ts';
import type { Traces } from '../stores/traces.ts';
import type { Log } from '../telemetry/log.ts';
import { trailEventSchema } from '../telemetry/trail/event.ts';
import { type Endpoint, type Input, refuse, routeOf } from './endpoint.ts';

const traceOff = 'TRACE is off: no user can be traced';
const epochMs = () => z.number().describe('epoch milliseconds');
const path = z.object({ traceId: z.uuid() });

export const startTraceEndpoint = {
  name: 'POST /v1/traces',
  summary: 'Follows the connections and messages of one user on every process',
  scope: 'moderate',
  body: z.strictObject({ userId: userIdSchema }),
  status: 202,
  answer: z.object({ id: z.string(), userId: z.string(), endsAt: epochMs() }),
  refusals: { 403: traceOff, 429: 'Too many traces are running' },
} as const satisfies Endpoint;

export const readTraceEndpoint = {
  name: 'GET /v1/traces/:traceId',
  summary: 'What has happened to the user of a trace since the last read',
  scope: 'moderate',
  path,
  query: z.strictObject({
    after: z.coerce.number().int().min(0).default(0).describe('`next` of the last read'),
  }),
  status: 200,
  answer: z.object({
    userId: z.string(),
    events: z.array(trailEventSchema).describe('in the order in which processes passed them on'),
    lost: z.int().describe('events that were no longer kept: read more often'),
    next: z.int(),
    now: epochMs(),
    endsAt: epochMs(),
  }),
  refusals: { 403: traceOff, 404: 'The trace has ended' },
} as const satisfies Endpoint;

export const stopTraceEndpoint = {
  name: 'DELETE /v1/traces/:traceId',
  summary: 'Ends a trace',
  scope: 'moderate',
  path,
  status: 202,
  answer: z.object({ accepted: z.literal(true) }),
  refusals: { 403: traceOff },
} as const satisfies Endpoint;

export interface TraceParts {
  trace: 'on' | 'off';
  traces: Traces;
  now(): number;
  log: Log;
}

export function traceRoutes({ trace, traces, now, log }: TraceParts) {
  const whenOn =
    <E extends Endpoint, A>(run: (input: Input<E>) => Promise<A>) =>
    async (input: Input<E>) =>
      trace === 'on' ? run(input) : refuse(403, 'trace_off', 'Tracing is off', 'Set TRACE=on');
  return {
    ...routeOf(
      startTraceEndpoint,
      whenOn(async ({ body: { userId } }) => {
        const started = await traces.start(userId);
        if (!started) {
          const detail = 'End another one first, or wait until it has ended';
          return refuse(429, 'too_many_traces', 'Too many traces', detail);
        }
        log.info({ userId, traceId: started.id }, 'trace started');
        return { ...started, userId };
      }),
      ({ body }) => body,
    ),
    ...routeOf(
      readTraceEndpoint,
      whenOn(async ({ path: { traceId }, query: { after } }) => {
        const read = await traces.read(traceId, after);
        if (!read) {
          const detail = 'Its time is over, or it was not read for too long';
          return refuse(404, 'trace_ended', 'The trace has ended', detail);
        }
        const events = read.events.flatMap((event) => readJson(trailEventSchema, event) ?? []);
        return { ...read, events, now: now() };
      }),
    ),
    ...routeOf(
      stopTraceEndpoint,
      whenOn(async ({ path: { traceId } }) => {
        await traces.stop(traceId);
        return { accepted: true } as const;
      }),
      ({ path }) => path,
    ),
  };
}
