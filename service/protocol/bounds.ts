// Bounds Socket.IO packets before they are parsed. What is too large or nested too deeply is
// replaced by a mark, so that it takes its usual way and gets its usual answer.
import type { RefusalCode } from './refusals.ts';

/** Encoders recurse: data that is nested deeply would overflow the stack. */
const depthMax = 1_000;
const connectLettersMax = 32 * 1024; // a token, and 4 KiB beside it
const markKey = 'mooring:refused';
const nameLettersMax = 256;

const reasons = {
  large: 'it is too large',
  deep: `it is over ${depthMax} levels deep`,
} as const;
type Reason = keyof typeof reasons;

/**
 * Returns a function that bounds an encoded packet. JSON needs up to six bytes for one byte of a
 * text: the limit counts what the text has, not what its encoding has.
 */
export function createBound(bytesMax: number): (text: string) => string {
  return (text) => {
    if (text.length <= depthMax) return text;
    if (text[0] === '0') return text.length > connectLettersMax ? marked(text, 'large') : text;
    const { depth, saved } = measure(text);
    if (depth > depthMax) return marked(text, 'deep');
    const bytes = Buffer.byteLength(text) - saved;
    return bytes > bytesMax ? marked(text, 'large') : text;
  };
}

/** Why the payload of a packet was replaced, if it was. */
export function refusedOf(payload: unknown): { code: RefusalCode; detail: string } | undefined {
  if (typeof payload !== 'object' || payload === null || !(markKey in payload)) return undefined;
  const reason = payload[markKey] === 'deep' ? 'deep' : 'large'; // a client may send it, too
  return { code: 'invalid_payload', detail: reasons[reason] };
}

const [quote, backslash, u] = ['"', '\\', 'u'].map((letter) => letter.charCodeAt(0));
const opening = new Set(['[', '{'].map((letter) => letter.charCodeAt(0)));
const closing = new Set([']', '}'].map((letter) => letter.charCodeAt(0)));

/** The depth of JSON, and how many letters its escapes have beyond what they stand for. */
function measure(text: string): { depth: number; saved: number } {
  let [depth, deepest, saved] = [0, 0, 0];
  let inString = false;
  for (let i = 0; i < text.length; i += 1) {
    const code = text.charCodeAt(i);
    if (code === backslash) {
      i += 1;
      saved += text.charCodeAt(i) === u ? 5 : 1;
    } else if (code === quote) inString = !inString;
    else if (inString) continue;
    else if (opening.has(code)) {
      depth += 1;
      if (depth > deepest) deepest = depth;
    } else if (closing.has(code)) depth -= 1;
  }
  return { depth: deepest, saved };
}

/** Type, attachments, namespace and id; then the name of an event. */
const head = /^(\d(?:\d+-)?(?:\/[^,]*,)?\d*)(?:\[("(?:[^"\\]|\\.)*"))?/s;

function marked(text: string, reason: Reason): string {
  const [, start = '', name = '"unknown"'] = head.exec(text.slice(0, nameLettersMax)) ?? [];
  const mark = `{"${markKey}":"${reason}"}`;
  if (text[0] === '0') return start + mark;
  const isEvent = text[0] === '2' || text[0] === '5';
  return `${start}[${isEvent ? `${name},` : ''}${mark}]`;
}
