// Holds messages back while the process catches up, so that none overtakes what was missed.
import type { Id } from '../delivery/envelope.ts';
import type { AdapterOptions } from '../options.ts';

export interface Waiting {
  id: Id;
  bytes: number;
  deliver(): void;
}

export type CatchUpBuffer = ReturnType<typeof createCatchUpBuffer>;

/** Closed from the start, until the process knows its position in the stream. */
export function createCatchUpBuffer({ gatedMessagesMax, gatedBytesMax, observer }: AdapterOptions) {
  let held: Waiting[] | undefined = [];
  let bytes = 0;
  let overflowed = false;
  let opened = Promise.withResolvers<void>();
  return {
    whenOpen: () => opened.promise,
    isOpen: () => held === undefined,
    /** The first time it opens: before that no position is known. */
    firstOpened: opened.promise,
    close() {
      if (held) return;
      held = [];
      opened = Promise.withResolvers();
    },
    /** False: it is open, and the message is to be delivered now. */
    hold(message: Waiting): boolean {
      if (!held) return false;
      bytes += message.bytes;
      if (held.length < gatedMessagesMax && bytes < gatedBytesMax) return held.push(message) > 0;
      held = []; // all of it is in the logs: they are read again
      bytes = 0;
      overflowed = true;
      observer.limitReached('gated');
      return true;
    },
    /** Whether it overflowed since the last call. */
    overflowed(): boolean {
      const was = overflowed;
      overflowed = false;
      return was;
    },
    /** Empties it, when messages of a lost connection cannot be trusted to be complete. */
    clear(): void {
      if (held) held = [];
      bytes = 0;
    },
    /** Opens it; returns what it held. */
    open(): Waiting[] {
      const messages = held ?? [];
      held = undefined;
      bytes = 0;
      opened.resolve();
      return messages;
    },
  };
}
