// Holds messages back while the process catches up, so that none overtakes what was missed.
import type { AdapterOptions } from '../options.ts';
import type { Subscription } from '../redis/subscriptions.ts';

export type Held = [Subscription, Buffer];
export type Gate = ReturnType<typeof createGate>;

/** Shut from the start, until the process knows where the stream is. */
export function createGate({ gatedMessagesMax, gatedBytesMax, observer }: AdapterOptions) {
  let held: Held[] | undefined = [];
  let bytes = 0;
  let overflowed = false;
  let opened = Promise.withResolvers<void>();
  return {
    whenOpen: () => opened.promise,
    isOpen: () => held === undefined,
    /** The first time it opens: before that no position is known. */
    started: opened.promise,
    shut() {
      if (held) return;
      held = [];
      opened = Promise.withResolvers();
    },
    /** False: it is open, and the message is to be received now. */
    hold(...message: Held): boolean {
      if (!held) return false;
      bytes += message[1].length;
      if (held.length < gatedMessagesMax && bytes < gatedBytesMax) return held.push(message) > 0;
      held = []; // all of it is in the logs: they are read again
      bytes = 0;
      overflowed = true;
      observer.limitReached('gated');
      return true;
    },
    overflowed(): boolean {
      const was = overflowed;
      overflowed = false;
      return was;
    },
    open(): Held[] {
      const messages = held ?? [];
      held = undefined;
      bytes = 0;
      opened.resolve();
      return messages;
    },
  };
}
