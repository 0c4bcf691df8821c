// The messages in a part of a log.
import { type Id, requireWhole, unbundle } from '../delivery/envelope.ts';
import { noFormat, Unreadable } from '../delivery/formats.ts';
import type { LogPart } from '../engine/engine.ts';
import type { Observer } from '../options.ts';

/** Returns the messages, or why some are missing. */
export function messagesOf(
  part: LogPart,
  unreadable: Observer['unreadable'],
): { id: Id; payload: Buffer }[] | 'trimmed' | 'too_much' | 'unreadable' {
  if (part.status !== 'ok') return part.status;
  try {
    const messages = part.entries.flatMap(({ id, payload }) => unbundle(id, payload));
    for (const { payload } of messages) requireWhole(payload);
    return messages;
  } catch (error) {
    // A broken entry is no reason to fail: whoever reads it would fail again and again.
    unreadable('log_entry', error instanceof Unreadable ? error.format : noFormat);
    return 'unreadable';
  }
}
