// The backend API: other services call it with an API key.
import { hash, timingSafeEqual } from 'node:crypto';
import type { ApiKey } from '../config/credentials.ts';
import { type CommandParts, disconnectRoute } from './disconnect.ts';
import { createKeyLimit } from './endpoint.ts';
import { type PodsParts, podsRoute } from './pods.ts';
import { createPublishing, type PublishParts, publishRoute } from './publish.ts';
import { publishBatchRoute } from './publish-batch.ts';
import { revokeRoute } from './revoke.ts';
import { historyRoute, membersRoute, presenceRoute, type RoomParts } from './rooms.ts';
import { createRoutes, type Handler, problem } from './router.ts';
import { type TraceParts, traceRoutes } from './traces.ts';
import { type UserParts, userRoute } from './users.ts';

interface Parts extends PublishParts, CommandParts, RoomParts, PodsParts, TraceParts {
  presence: RoomParts['presence'] & UserParts['presence'];
  /** The keys that are accepted now. */
  apiKeys(): readonly ApiKey[];
  publishesPerSecondMax: number;
}

export function createApi({ apiKeys, ...parts }: Parts): Handler {
  const publishing = createPublishing(parts, createKeyLimit(parts.publishesPerSecondMax));
  const routes = createRoutes({
    ...publishRoute(publishing),
    ...publishBatchRoute(publishing),
    ...disconnectRoute(parts),
    ...revokeRoute(parts),
    ...presenceRoute(parts),
    ...membersRoute(parts),
    ...historyRoute(parts),
    ...userRoute(parts),
    ...podsRoute(parts),
    ...traceRoutes(parts),
  });
  return async (request) => {
    const keys = apiKeys();
    if (keys.length === 0) {
      return problem(403, 'Forbidden', 'Set API_KEY or API_KEYS to enable the backend API');
    }
    const { authorization } = request.headers;
    const caller = findKey(authorization, keys);
    if (!caller) return unauthorized(authorization !== undefined);
    const response = await routes({ ...request, caller });
    return { ...response, log: { apiKey: caller.name, ...response.log } };
  };
}

/** Compares with every key in constant time, so that the time tells nothing about any of them. */
function findKey(
  authorization: string | string[] | undefined,
  keys: readonly ApiKey[],
): ApiKey | undefined {
  const given = /^bearer (.*)$/i.exec(String(authorization ?? ''))?.[1] ?? '';
  const digest = digestOf(given);
  return keys.filter(({ key }) => timingSafeEqual(digestOf(key), digest))[0];
}

const digestOf = (value: string) => hash('sha256', value, 'buffer');

/** @param isWrong whether there was a key (RFC 6750, 3) */
function unauthorized(isWrong: boolean) {
  const detail = 'Send an API key as Authorization: Bearer <key>';
  const challenge = `Bearer realm="mooring"${isWrong ? ', error="invalid_token"' : ''}`;
  const answer = problem(401, 'Unauthorized', detail);
  return { ...answer, headers: { ...answer.headers, 'WWW-Authenticate': challenge } };
}
