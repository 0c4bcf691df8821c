// The messages in a part of a log.
import { type Id, unbundle } from '../delivery/envelope.ts';
import { Unreadable } from '../delivery/formats.ts';
import type { LogPart } from '../engine/engine.ts';
import type { Observer } from '../options.ts';

/** Returns the messages, or why some are missing. */
export function messagesOf(
  part: LogPart,
  unreadable: Observer['unreadable'],
): { id: Id; payload: Buffer }[] | 'trimmed' | 'too_much' | 'unreadable' {
  if (part.status !== 'ok') return part.status;
  try {
    return part.entries.flatMap(({ id, payload }) => unbundle(id, payload));
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    unreadable('log_entry', error.format);
    return 'unreadable';
  }
}
