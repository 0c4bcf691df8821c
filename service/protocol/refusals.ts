// Every way to refuse: codes, their texts, and the answer that carries one.

/** Every way to say no, with its text and whether the same request may succeed later. */
const refusals = {
  authentication_required: ['Authentication required: connect with auth: { token }', false],
  invalid_token: ['Invalid token', false],
  token_expired: ['Token expired: connect with a new one', false],
  admin_only: ['Admin only', false],
  access_denied: ['Access denied', false],
  not_in_room: ['Access denied', false],
  invalid_payload: ['Invalid payload', false],
  unknown_event: ['Unknown event', false],
  too_many_rooms: ['Too many rooms: leave one first', false],
  rate_limited: ['Too many events: slow down', true],
  unavailable: ['Unavailable: try again', true],
  internal: ['Internal error', false],
} as const satisfies Record<string, readonly [string, boolean]>;

export type RefusalCode = keyof typeof refusals;
export const refusalCodes = Object.keys(refusals) as RefusalCode[];

export interface Refusal {
  ok: false;
  error: { code: RefusalCode; message: string; retryable: boolean };
}

export type Reply = { ok: true; [key: string]: unknown } | Refusal;

/** The answer to a request that is not granted; `detail` is appended to the code's own text. */
export function refusal(code: RefusalCode, detail?: string): Refusal {
  const [text, retryable] = refusals[code];
  return { ok: false, error: { code, message: detail ? `${text}: ${detail}` : text, retryable } };
}

/** Thrown by stores when Redis is away or too slow; answered as `unavailable`. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}
