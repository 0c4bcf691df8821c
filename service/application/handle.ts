// The first and the last step of every request: validate, and answer exactly once.

import type { MooringSocket } from '../protocol/identity.ts';
import { type Refusal, type Reply, refusal } from '../protocol/refusals.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Handle } from './index.ts';

export function createHandle(metrics: Metrics): Handle {
  return (socket, event, schema, handler) => {
    socket.on(event, (...args: unknown[]) => {
      const reply = replyTo(socket, event, args, metrics);
      const payload = schema.safeParse(typeof args[0] === 'function' ? undefined : args[0]);
      if (!payload.success) {
        const issue = payload.error.issues[0];
        const why = issue?.message.replace('Invalid input: ', '');
        const detail = [issue?.path.join('.'), why].filter(Boolean).join(' ');
        return reply(refusal('invalid_payload', detail));
      }
      return handler(payload.data, reply);
    });
  };
}

/** Answers the acknowledgement callback among an event's arguments, or sends `error`. */
export function replyTo(
  socket: MooringSocket,
  event: string,
  args: unknown[],
  metrics: Metrics,
): (reply: Reply) => void {
  const last = args.at(-1);
  let open = true;
  return (reply) => {
    if (!open) return;
    open = false;
    if (!reply.ok) {
      // A name that nobody handles is a client's choice of words.
      const known = socket.listenerCount(event) > 0 ? { event } : {};
      metrics.requestRefused((reply as Refusal).error.code, { socketId: socket.id, ...known });
    }
    if (typeof last === 'function') last(reply);
    else if (!reply.ok) {
      const { code, message, retryable } = (reply as Refusal).error;
      socket.emit('error', message, { code, event, retryable });
    }
  };
}
