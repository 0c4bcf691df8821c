// POST /v1/publish: an event from a back end to rooms, users or everyone. Answers 202 once Redis
// has it; the same id within ten minutes is answered again and not delivered twice.
import { randomUUID } from 'node:crypto';
import { type MooringServer, publishSchema, roomName, userRoom } from '../protocol.ts';
import { json, problem, type Route } from './router.ts';

export interface PublishParts {
  io: MooringServer;
  /** Runs the emit; resolves when Redis has it, or had it before by the same `once` key. */
  publish(emit: () => void, extras?: { once?: string }): Promise<unknown>;
}

export function publishRoute({ io, publish }: PublishParts): Route {
  return async ({ body }) => {
    const parsed = publishSchema.safeParse(parse(body));
    if (!parsed.success) {
      const errors = parsed.error.issues.map(({ path, message }) => ({
        pointer: `/${path.join('/')}`,
        detail: message,
      }));
      return problem(400, 'Invalid request', 'See errors', { errors });
    }
    const { rooms = [], users = [], event, data, id } = parsed.data;
    const target = io.to([...rooms.map(roomName), ...users.map(userRoom)]);
    const once = id === undefined ? {} : { once: `publish:${id}` };
    await publish(() => target.emit(event, data), once);
    return json(202, { id: id ?? randomUUID() });
  };
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
