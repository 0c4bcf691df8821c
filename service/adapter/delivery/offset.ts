// The offset of a client: what it has received, as it says when it reconnects.
//
//   id (16 digits)                     the last message of the stream
//   id (16 digits) . number (16 digits)  the same, and the last packet that is not in the stream
//
// Packets to a single socket of this process do not go through Redis, so they have no id. They are
// numbered by the process. The offsets that one client receives rise, also as text.
import { type Id, isId, noId } from './envelope.ts';

export interface Offset {
  id: Id;
  /** `undefined` if the last message was one of the stream. */
  number: number | undefined;
}

export const offsetOf = (id: Id, number: number): string => `${id || noId}.${number}`;

const nothing: Offset = { id: noId, number: 0 };
const separator = '.';
const aheadMax = 86_400_000_000; // microseconds; another process may have a faster clock

/** Returns `undefined` for a text that no process has sent as an offset. '' means none. */
export function parseOffset(text: string): Offset | undefined {
  if (text === '') return nothing;
  const [id, digits, ...more] = text.split(separator);
  if (!isId(id) || more.length > 0) return undefined;
  if (digits === undefined) return { id, number: undefined };
  const number = Number(digits);
  return isId(digits) && number < microseconds() + aheadMax ? { id, number } : undefined;
}

/** A step of the wall clock must not change the order. */
const microseconds = () => Math.floor((performance.timeOrigin + performance.now()) * 1000);

export type Numbers = ReturnType<typeof createNumbers>;

/** Numbers the packets of a process. They rise, also when a client moves to another process. */
export function createNumbers() {
  let last = 0;
  return {
    next(): number {
      last = Math.max(last + 1, microseconds());
      return last;
    },
    /** Later numbers are larger than this one, which another process has given. */
    raise(number: number): void {
      last = Math.max(last, number);
    },
  };
}
