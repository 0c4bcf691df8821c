// How far this process is in the stream of messages.
import { fromChannel, type Id, noId, unbundle, unknown } from './entry.ts';
import type { Subscription } from './subscriptions.ts';
import { createTurn } from './turn.ts';
import { createWire } from './wire.ts';

export function createPosition(malformed: (error: unknown) => void) {
  const wire = createWire();
  const turn = createTurn(wire.end);
  let lastSeen: Id = unknown;
  let lastLogged = { id: noId, log: '' };
  const logged = (id: Id, log: string) => {
    if (id > lastLogged.id) lastLogged = { id, log };
  };
  const seen = (id: Id, log?: string) => {
    if (id > lastSeen) lastSeen = id;
    if (log) logged(id, log);
  };
  return {
    seen,
    /** Of what was published here: nobody may listen to it. */
    logged,
    receive(subscription: Subscription, message: Buffer): void {
      try {
        const { id, payload } = fromChannel(message);
        const parts = unbundle(id, payload);
        if (id !== noId) seen(id, subscription.log);
        for (const one of parts) subscription.receive(one.id, one.payload);
      } catch (error) {
        malformed(error);
      }
    },
    wire,
    turn,
    /** The position of what has arrived. */
    latest: () => lastSeen,
    /** The same, and by then it is written to the sockets. */
    lastSeen(): Id {
      turn.flush();
      return lastSeen;
    },
    /** The last message that is in a log known here. */
    lastLogged: () => lastLogged,
  };
}
