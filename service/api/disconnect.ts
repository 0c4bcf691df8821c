// POST /v1/disconnect: closes sockets on every replica. Answers 202 once Redis has the command;
// each replica reads it within half a second, or as soon as it reaches Redis again.
import { z } from 'zod';
import { userIdSchema } from '../protocol/identity.ts';
import type { Command } from '../stores/commands.ts';
import { type Endpoint, routeOf } from './endpoint.ts';

const list = <T extends z.ZodType>(item: T) => z.array(item).min(1).max(1000).optional();

export const disconnectEndpoint = {
  name: 'POST /v1/disconnect',
  summary: 'Closes sockets on every replica: clients do not reconnect by themselves, but may',
  scope: 'moderate',
  body: z
    .strictObject({ users: list(userIdSchema), sockets: list(z.string().min(1).max(64)) })
    .refine(({ users, sockets }) => users || sockets, {
      message: 'give users, sockets or both',
      path: ['users'],
    })
    .meta({ anyOf: [{ required: ['users'] }, { required: ['sockets'] }] }), // for OpenAPI
  status: 202,
  answer: z.object({ accepted: z.literal(true) }),
} as const satisfies Endpoint;

export interface CommandParts {
  /** Resolves when every process will run the command. Rejects with `Unavailable`. */
  issueCommand(command: Command): Promise<void>;
}

export const disconnectRoute = ({ issueCommand }: CommandParts) =>
  routeOf(
    disconnectEndpoint,
    async ({ body: { users = [], sockets = [] } }) => {
      await issueCommand({ type: 'disconnect', users, sockets });
      return { accepted: true } as const;
    },
    ({ body }) => body,
  );
