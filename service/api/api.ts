// The back-end API: what other services may ask of this one, with the API key.
import { createHash, timingSafeEqual } from 'node:crypto';
import { Unavailable } from '../protocol/refusals.ts';
import { type CommandParts, disconnectRoute } from './disconnect.ts';
import { type PodsParts, podsRoute } from './pods.ts';
import { type PublishParts, publishRoute } from './publish.ts';
import { revokeRoute } from './revoke.ts';
import { historyRoute, presenceRoute, type RoomParts } from './rooms.ts';
import { createRoutes, type Handler, problem } from './router.ts';
import { type TraceParts, traceRoutes } from './traces.ts';
import { userRoute } from './users.ts';

interface Parts extends PublishParts, CommandParts, RoomParts, PodsParts, TraceParts {
  apiKey?: string | undefined;
}

export function createApi({ apiKey, ...parts }: Parts): Handler {
  const routes = createRoutes({
    ...publishRoute(parts),
    ...disconnectRoute(parts),
    ...revokeRoute(parts),
    ...presenceRoute(parts),
    ...historyRoute(parts),
    ...userRoute(parts),
    ...podsRoute(parts),
    ...traceRoutes(parts),
  });
  return async (request) => {
    if (!apiKey) return problem(403, 'Forbidden', 'Set API_KEY to open the back-end API');
    if (!isBearer(request.headers.authorization, apiKey)) {
      return problem(401, 'Unauthorized', 'Send the API key as Authorization: Bearer <key>');
    }
    try {
      return await routes(request);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      const answer = problem(503, 'Unavailable', 'Redis or a replica is away: try again', {
        retryable: true,
      });
      return { ...answer, headers: { ...answer.headers, 'Retry-After': '1' } };
    }
  };
}

function isBearer(authorization: string | string[] | undefined, apiKey: string): boolean {
  const digest = (value: string) => createHash('sha256').update(value).digest();
  const given = /^bearer (.*)$/i.exec(String(authorization ?? ''))?.[1] ?? '';
  return timingSafeEqual(digest(given), digest(apiKey));
}
