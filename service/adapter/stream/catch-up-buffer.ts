// Holds live messages during a catch-up, so that none overtakes a missed one.
import assert from 'node:assert/strict';
import type { Id } from '../delivery/envelope.ts';
import type { AdapterOptions } from '../options.ts';

export interface Waiting {
  id: Id;
  bytes: number;
  deliver(): void;
}

/** Starts closed, until the process knows its position in the stream. */
export function createCatchUpBuffer({ gatedMessagesMax, gatedBytesMax, observer }: AdapterOptions) {
  let held: Waiting[] | undefined = [];
  let bytes = 0;
  let overflowed = false;
  let opened = Promise.withResolvers<void>();
  return {
    whenOpen: () => opened.promise,
    isOpen: () => held === undefined,
    /** Resolves when it opens for the first time. Before that, no position is known. */
    firstOpened: opened.promise,
    close() {
      if (held) return;
      held = [];
      opened = Promise.withResolvers();
    },
    /** Holds a message until the buffer opens. */
    hold(message: Waiting): void {
      assert(held, 'an open buffer holds nothing');
      bytes += message.bytes;
      held.push(message);
      if (held.length <= gatedMessagesMax && bytes < gatedBytesMax) return;
      held = []; // the logs have them all, and are read again
      bytes = 0;
      overflowed = true;
      observer.limitReached('gated');
    },
    /** Whether it overflowed since the last call. */
    overflowed(): boolean {
      const was = overflowed;
      overflowed = false;
      return was;
    },
    /** Empties it: messages of a lost connection may be incomplete. */
    clear(): void {
      if (held) held = [];
      bytes = 0;
    },
    /** Opens it and returns the held messages. */
    open(): Waiting[] {
      const messages = held ?? [];
      held = undefined;
      bytes = 0;
      opened.resolve();
      return messages;
    },
  };
}
