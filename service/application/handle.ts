// The first and last step of every request: validate the payload, and answer exactly once.
import type { z } from 'zod';
import type { MooringSocket } from '../protocol/identity.ts';
import { type Answer, type Refusal, type Reply, refusal } from '../protocol/refusals.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Handle } from './index.ts';

export function createHandle(metrics: Metrics): Handle {
  return (socket, event, schema, handler) => {
    socket.on(event, (...args: unknown[]) => {
      const reply = replyTo(socket, event, args, metrics);
      const payload = parsePayload(schema, args);
      return payload.ok ? handler(payload.data, reply) : reply(payload);
    });
  };
}

/** The validated payload of an event, or a refusal that names the invalid field. */
export function parsePayload<S extends z.ZodType>(
  schema: S,
  args: unknown[],
): { ok: true; data: z.output<S> } | Refusal {
  const payload = schema.safeParse(typeof args[0] === 'function' ? undefined : args[0]);
  if (payload.success) return { ok: true, data: payload.data };
  const issue = payload.error.issues[0];
  const why = issue?.message.replace('Invalid input: ', '');
  return refusal('invalid_payload', [issue?.path.join('.'), why].filter(Boolean).join(' '));
}

/**
 * Returns a function that answers an event once: through its acknowledgement callback, or with an
 * `error` event if the client asked for none and the request is refused.
 * @param known false if no handler exists: clients must not choose label values of metrics
 */
export function replyTo(
  socket: MooringSocket,
  event: string,
  args: unknown[],
  metrics: Metrics,
  known = true,
): Answer {
  const last = args.at(-1);
  const isAwaited = typeof last === 'function';
  let open = true;
  const answer: (reply: Reply) => void = (reply) => {
    if (!open) return;
    open = false;
    if (!reply.ok) {
      const { code } = (reply as Refusal).error;
      metrics.requestRefused(code, { socketId: socket.id, ...(known && { event }) });
    }
    if (isAwaited) last(reply);
    else if (!reply.ok) {
      const { code, message, retryable } = (reply as Refusal).error;
      socket.emit('error', message, { code, event, retryable });
    }
  };
  return Object.assign(answer, { isAwaited });
}
