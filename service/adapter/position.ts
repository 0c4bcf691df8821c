// How far this process is in the stream of messages.
import { fromChannel, type Id, idBefore, noId, unbundle, unknown } from './entry.ts';
import type { Subscription } from './subscriptions.ts';
import { createTurn } from './turn.ts';
import { createWire } from './wire.ts';

export function createPosition(malformed: (error: unknown) => void) {
  const wire = createWire();
  const turn = createTurn(wire.end);
  let lastSeen: Id = unknown;
  let complete: Id = unknown;
  let lastLogged = { id: noId, log: '' };
  const logged = (id: Id, log: string) => {
    if (id > lastLogged.id) lastLogged = { id, log };
  };
  /** A message, which may have further rooms, or the last of a bundle of so many. */
  const arrives = (id: Id, count: number, log: string | undefined) => {
    if (id === noId)
      complete = lastSeen; // whatever comes next, the one before it is whole
    else if (id > lastSeen) {
      complete = idBefore(id, count);
      lastSeen = id;
    }
    if (log && id !== noId) logged(id, log);
  };
  return {
    /** Everything up to it has arrived. */
    seen(id: Id, log?: string): void {
      if (id > lastSeen) lastSeen = id;
      if (id > complete) complete = id;
      if (log) logged(id, log);
    },
    /** Of what was published here: nobody may listen to it. */
    logged,
    receive(subscription: Subscription, message: Buffer): void {
      try {
        const { id, payload } = fromChannel(message);
        const parts = unbundle(id, payload);
        arrives(id, parts.length, subscription.log);
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
    /** Up to it that is so for all rooms: the last message may have come for some of its own. */
    complete(): Id {
      turn.flush();
      return complete;
    },
    /** The last message that is in a log known here. */
    lastLogged: () => lastLogged,
  };
}
