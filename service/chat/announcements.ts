// What an administrator says to everybody.
import type { Services } from '../application/index.ts';
import type { MooringServer } from '../protocol/identity.ts';
import type { Reply } from '../protocol/refusals.ts';

export function announce(io: MooringServer, { publish }: Services) {
  return async (message: unknown, reply: (reply: Reply) => void) => {
    await publish(io.of('/'), 'announcement', message);
    reply({ ok: true });
  };
}
