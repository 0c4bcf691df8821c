// Every refusal code. Answers, metrics, alerts and the contract are derived from this table.

interface Definition {
  /** Message for the client. */
  message: string;
  /** Whether the same request may succeed later. */
  retryable: boolean;
  /** Whether the code refuses connects to a namespace, requests on one, or both. */
  refuses: 'connects' | 'requests' | 'both';
  /** Cause or remedy, for the contract. */
  description: string;
  /** Which alert counts it: `MooringConnectsRefused`, `MooringRequestsRefused` or none. */
  alert: 'connects' | 'requests' | 'none';
}

export const refusals = {
  authentication_required: {
    message: 'Authentication required: connect with auth: { token }',
    retryable: false,
    refuses: 'connects',
    description: 'There is no token.',
    alert: 'connects',
  },
  invalid_token: {
    message: 'Invalid token',
    retryable: false,
    refuses: 'both',
    description:
      'The token is forged, malformed, revoked, without `sub` or `exp`, or for another audience; ' +
      'for `refresh_token` also one of another user. `claim` names a claim that does not fit.',
    alert: 'connects',
  },
  auth_too_large: {
    message: 'The payload of the connect is too large',
    retryable: false,
    refuses: 'connects',
    description: 'What `auth` holds beside the token is over 4 KiB.',
    alert: 'connects',
  },
  too_many_namespaces: {
    message: 'Too many namespaces on one connection',
    retryable: false,
    refuses: 'connects',
    description: 'The connection has 20 namespaces.',
    alert: 'connects',
  },
  token_not_active: {
    message: 'Token not active yet: try again',
    retryable: true,
    refuses: 'both',
    description:
      '`nbf` or `iat` is ahead of the clock of the service by more than `JWT_CLOCK_TOLERANCE_MS`.',
    alert: 'connects',
  },
  token_expired: {
    message: 'Token expired: connect with a new one',
    retryable: false,
    refuses: 'both',
    description: 'Connect with a new token: make `auth` a function that returns a fresh one.',
    alert: 'connects',
  },
  too_many_connections: {
    message: 'Too many connections: close one first',
    retryable: true,
    refuses: 'connects',
    description: 'The user has `CONNECTIONS_PER_USER_MAX` connections to the namespace here.',
    alert: 'connects',
  },
  admin_only: {
    message: 'Admin only',
    retryable: false,
    refuses: 'both',
    description: 'The namespace is `/admin`, and the token does not have the role `admin`.',
    alert: 'none',
  },
  access_denied: {
    message: 'Access denied',
    retryable: false,
    refuses: 'requests',
    description: '`ROOM_ACCESS` does not let the user into the room.',
    alert: 'requests',
  },
  not_in_room: {
    message: 'Join the room first',
    retryable: false,
    refuses: 'requests',
    description: 'Join the room first.',
    alert: 'requests',
  },
  invalid_payload: {
    message: 'Invalid payload',
    retryable: false,
    refuses: 'requests',
    description: 'The payload does not fit the schema; the message names the field.',
    alert: 'requests',
  },
  unknown_event: {
    message: 'Unknown event',
    retryable: false,
    refuses: 'requests',
    description: 'Nothing on this namespace handles the event.',
    alert: 'requests',
  },
  too_many_rooms: {
    message: 'Too many rooms: leave one first',
    retryable: false,
    refuses: 'requests',
    description: 'The socket is in `ROOMS_PER_SOCKET_MAX` rooms.',
    alert: 'requests',
  },
  rate_limited: {
    message: 'Too many events: slow down',
    retryable: true,
    refuses: 'requests',
    description: 'The socket exceeded `EVENTS_PER_SECOND_MAX`, or the limit of the event.',
    alert: 'requests',
  },
  unavailable: {
    message: 'Unavailable: try again',
    retryable: true,
    refuses: 'requests',
    description: 'Redis or the room access webhook is unavailable or too slow.',
    alert: 'none', // the alerts on Redis cover it
  },
  busy: {
    message: 'Busy with your other requests: try again',
    retryable: true,
    refuses: 'requests',
    description: 'The user reads too much of histories at once.',
    alert: 'requests',
  },
  internal: {
    message: 'Internal error',
    retryable: false,
    refuses: 'requests',
    description: 'A handler failed; the error is in the log.',
    alert: 'requests',
  },
} as const satisfies Record<string, Definition>;

export type RefusalCode = keyof typeof refusals;
export const refusalCodes = Object.keys(refusals) as RefusalCode[];
export const connectRefusalCodes = refusalCodes.filter(
  (code) => refusals[code].refuses !== 'requests',
);
export const requestRefusalCodes = refusalCodes.filter(
  (code) => refusals[code].refuses !== 'connects',
);

export interface Refusal {
  ok: false;
  error: {
    code: RefusalCode;
    message: string;
    retryable: boolean;
    /** The claim of the token that is the cause. */
    claim?: string;
  };
}

export type Reply = { ok: true; [key: string]: unknown } | Refusal;

/** Answers a request, once. */
export interface Answer {
  (reply: Reply): void;
  /** Whether the client asked for an acknowledgement. */
  readonly isAwaited: boolean;
}

/** A refusal. `detail` is appended to the message of the code. */
export function refusal(code: RefusalCode, detail?: string): Refusal {
  const { message, retryable } = refusals[code];
  const text = detail ? `${message}: ${detail}` : message;
  return { ok: false, error: { code, message: text, retryable } };
}

interface RefusalReason {
  description: string;
  /** 503 is retried by proxies on another replica, 429 is not. */
  status: 503 | 429;
  /** Whether it is normal during a rollout. */
  rollout: boolean;
}

/** Reasons to refuse a handshake. */
export const handshakeRefusals = {
  starting: { description: 'The replica is not ready yet.', status: 503, rollout: false },
  draining: { description: 'The replica is shutting down.', status: 503, rollout: true },
  over_capacity: {
    description: 'The replica has `CONNECTIONS_MAX` connections.',
    status: 503,
    rollout: false,
  },
  overloaded: {
    description:
      'Event loop, heap or memory are above `OVERLOAD_LAG_MS_MAX` or `OVERLOAD_MEMORY_SHARE_MAX`.',
    status: 503,
    rollout: false,
  },
  storm: {
    description:
      'More handshakes arrive than `HANDSHAKES_PER_SECOND_MAX`, and other replicas have room.',
    status: 503,
    rollout: false,
  },
  behind: {
    description: 'The replica receives no messages from Redis, and other replicas do.',
    status: 503,
    rollout: false,
  },
  yielding: {
    description: 'Replicas of a newer `RELEASE` replace this one.',
    status: 503,
    rollout: true,
  },
  address_connections: {
    description: 'The client address has `CONNECTIONS_PER_ADDRESS_MAX` connections here.',
    status: 429,
    rollout: false,
  },
  address_handshakes: {
    description: 'The client address exceeded `HANDSHAKES_PER_SECOND_PER_ADDRESS_MAX`.',
    status: 429,
    rollout: false,
  },
  shedding: { description: 'Other replicas have fewer connections.', status: 503, rollout: true },
} as const satisfies Record<string, RefusalReason>;

export type HandshakeRefusal = keyof typeof handshakeRefusals;
export const handshakeRefusalReasons = Object.keys(handshakeRefusals) as HandshakeRefusal[];

/** The codes with which Engine.IO refuses a request, in the order of its own numbers. */
export const engineRefusalCodes = [
  'unknown_transport',
  'unknown_session', // "Session ID unknown": it belongs to another replica, or is over
  'bad_handshake_method',
  'bad_request',
  'forbidden', // the origin is not allowed
  'unsupported_protocol',
] as const;
export type EngineRefusal = (typeof engineRefusalCodes)[number];

/** Thrown by stores if Redis is unavailable or too slow. Clients receive `unavailable`. */
export class Unavailable extends Error {
  override name = 'Unavailable';
}
