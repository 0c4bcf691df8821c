// POST /v1/publish: an event from a back end to rooms, users or everyone. Answers 202 once Redis
// has it; the same id within ten minutes is answered again and not delivered twice.
import { randomUUID } from 'node:crypto';
import type { History, Publish } from '../application.ts';
import { type MooringServer, publishSchema, roomName, userRoom } from '../protocol.ts';
import { json, problem, type Route } from './router.ts';

interface Parts {
  io: MooringServer;
  history: History;
  publish: Publish;
}

export function publishRoute({ io, history, publish }: Parts): Route {
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
    const state = id ? await history.begin(`publish:${id}`) : 'new';
    if (state === 'pending') {
      const detail = 'A request with this id has not ended: try again';
      return problem(409, 'In progress', detail, { retryable: true });
    }
    if (state === 'new') {
      await publish(io.to([...rooms.map(roomName), ...users.map(userRoom)]), event, data);
      if (id) await history.finish(`publish:${id}`);
    }
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
