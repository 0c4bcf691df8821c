// Verifies and signs JSON Web Tokens.
import { decodeProtectedHeader, type ProtectedHeaderParameters } from 'jose';
import jwt from 'jsonwebtoken';
import { z } from 'zod';
import type { TokenKeyName } from '../config/credentials.ts';
import type { Config } from '../config/schema.ts';
import { wallClockMs } from '../lib/wall-clock.ts';
import { type SocketData, userIdSchema } from '../protocol/identity.ts';
import { type Refusal, type RefusalCode, refusal } from '../protocol/refusals.ts';
import { createKeySource, type KeySettings, type NamedKey } from './keys.ts';
import { readSigned } from './signatures.ts';

export type TokenSettings = KeySettings &
  Pick<
    Config,
    'jwtIssuer' | 'jwtAudience' | 'jwtAlgorithms' | 'jwtClockToleranceMs' | 'jwtLifetimeMsMax'
  >;

/** Why a token is refused. `reason` is for the log; with a `claim`, clients get it as well. */
export interface TokenRefused {
  ok: false;
  code: Extract<RefusalCode, `${string}token${string}` | `auth${string}`>;
  reason: string;
  /** The claim of an authentic token that is missing or does not fit. */
  claim?: string;
  /** Overrides what the code says. */
  retryable?: boolean;
}

export interface TokenAccepted {
  ok: true;
  data: SocketData;
  /** Commands that this process does not know may concern the user: Redis could not be asked. */
  isProvisional?: true;
}

export type Verdict = TokenAccepted | TokenRefused;
export type Verify = (token: unknown) => Promise<Verdict>;

const seconds = 'must be a number of seconds';
const claimsSchema = z.object({
  sub: userIdSchema,
  exp: z.number(seconds),
  nbf: z.number(seconds).default(0),
  iat: z.number(seconds).default(0),
  iss: z.string('must be a text').optional(),
  aud: z.union([z.string(), z.array(z.string())], 'must be a text or a list of texts').default([]),
  role: z.string('must be a text').max(128, 'must have at most 128 characters').optional(),
  rooms: z
    .array(z.string().min(1).max(128), 'must be a list of patterns')
    .max(1000, 'must have at most 1,000 patterns')
    .optional(),
});

/**
 * Creates the check that every namespace runs on `auth.token`. It rejects with `Unavailable` if the
 * key set cannot be fetched.
 * @param current the settings, whose secrets may change
 * @param verified called with the name of the key that verified a token
 * @param now epoch milliseconds by a clock that does not step
 */
export function createTokenVerifier(
  current: () => TokenSettings,
  verified: (key: TokenKeyName) => void = () => {},
  now: () => number = wallClockMs,
): Verify {
  let settings = current();
  let keysOf = createKeySource(settings);
  return async function verify(token) {
    if (typeof token !== 'string' || token === '') {
      return { ok: false, code: 'authentication_required', reason: 'there is no token' };
    }
    if (current() !== settings) {
      settings = current();
      keysOf = createKeySource(settings);
    }
    const header = headerOf(token);
    if (!header) return invalid('it is malformed');
    const { alg = '' } = header;
    if (!settings.jwtAlgorithms.includes(alg))
      return invalid('JWT_ALGORITHMS does not list its alg');
    // RFC 7515, 4.1.11
    if (header.crit !== undefined) return invalid('no extension of crit is supported');
    if (header.b64 === false) return invalid('b64: false is not for tokens'); // RFC 7797, 7
    const signed = await findSigned(token, alg, await keysOf(header));
    if (!signed) return invalid('no key verifies its signature');
    verified(signed.name);
    return verdictOf(signed.payload, settings, now());
  };
}

/** Returns the claims with the name of the first key that verifies them. */
async function findSigned(token: string, algorithm: string, keys: NamedKey[]) {
  for (const { name, key } of keys) {
    try {
      return { name, payload: await readSigned(token, key, algorithm) };
    } catch {
      // another key may have signed it
    }
  }
}

/** Checks the claims of an authentic token. */
function verdictOf(payload: unknown, settings: TokenSettings, now: number): Verdict {
  const { jwtClockToleranceMs: toleranceMs, jwtLifetimeMsMax: lifetimeMsMax } = settings;
  const { jwtIssuer, jwtAudience } = settings;
  const claims = claimsSchema.safeParse(payload);
  if (!claims.success) {
    const [issue] = claims.error.issues;
    return invalid(`${issue?.path.join('.')} ${issue?.message}`, String(issue?.path[0]));
  }
  const { sub, exp, nbf, iat, iss, aud, role, rooms } = claims.data;
  if (jwtIssuer && iss !== jwtIssuer) return invalid('iss is not JWT_ISSUER', 'iss');
  if (jwtAudience && ![aud].flat().includes(jwtAudience)) {
    return invalid('aud does not contain JWT_AUDIENCE', 'aud');
  }
  const [expiresAt, issuedAt] = [exp * 1000, iat * 1000];
  if (expiresAt <= now) return expired; // without tolerance: a socket closes at this time, too
  if (expiresAt > now + lifetimeMsMax) {
    return invalid(`exp is more than ${lifetimeMsMax} ms ahead (JWT_LIFETIME_MS_MAX)`, 'exp');
  }
  if (nbf * 1000 > now + toleranceMs) return notActive('nbf');
  if (issuedAt > now + toleranceMs) return notActive('iat');
  const user = { id: sub, ...(role && { role }), ...(rooms && { rooms }) };
  return { ok: true, data: { user, expiresAt, issuedAt } };
}

const expired: TokenRefused = {
  ok: false,
  code: 'token_expired',
  reason: 'exp has passed',
};

const invalid = (reason: string, claim?: string): TokenRefused => ({
  ok: false,
  code: 'invalid_token',
  reason,
  ...(claim !== undefined && { claim }),
});

const notActive = (claim: string): TokenRefused => ({
  ok: false,
  code: 'token_not_active',
  reason: `${claim} is ahead of this server's clock`,
  claim,
});

/** The refusal for the client, which learns no reason if the token is not authentic. */
export function refuseToken({ code, reason, claim, retryable }: TokenRefused): Refusal {
  if (claim === undefined) return refusal(code);
  const { error } = refusal(code, reason);
  return { ok: false, error: { ...error, ...(retryable && { retryable }), claim } };
}

function headerOf(token: string): ProtectedHeaderParameters | undefined {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return undefined;
  }
}

/** Signs a token with an HMAC secret, for development and tests. */
export function mintToken(
  secret: string,
  claims: {
    sub: string;
    iat?: number;
    role?: string;
    rooms?: string[];
    iss?: string;
    aud?: string;
  },
  ttlSeconds: number,
  algorithm = 'HS256',
): string {
  const { sub, ...others } = claims;
  return jwt.sign(others, secret, {
    algorithm: algorithm as jwt.Algorithm,
    subject: sub,
    expiresIn: ttlSeconds,
  });
}
