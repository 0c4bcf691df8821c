// Verifies and signs JSON Web Tokens.
import { createHmac } from 'node:crypto';
import { decodeProtectedHeader, errors, type JWTVerifyOptions, jwtVerify } from 'jose';
import { z } from 'zod';
import type { TokenKeyName } from '../config/credentials.ts';
import type { Config } from '../config/schema.ts';
import { type SocketData, userIdSchema } from '../protocol/identity.ts';
import { type Refusal, type RefusalCode, refusal } from '../protocol/refusals.ts';
import { createKeySource, type KeySettings, type NamedKey } from './keys.ts';

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

export type Verdict = { ok: true; data: SocketData } | TokenRefused;
export type Verify = (token: unknown) => Promise<Verdict>;

const seconds = 'must be a number of seconds';
const claimsSchema = z.object({
  sub: userIdSchema,
  exp: z.number(seconds),
  iat: z.number(seconds).default(0),
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
 */
export function createTokenVerifier(
  current: () => TokenSettings,
  verified: (key: TokenKeyName) => void = () => {},
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
    if (!header || !settings.jwtAlgorithms.includes(header.alg ?? '')) {
      return invalid(header ? 'JWT_ALGORITHMS does not list its alg' : 'it is malformed');
    }
    if (header.b64 === false) return invalid('b64: false is not for tokens'); // RFC 7797, 7
    return verifyWith(await keysOf(header), token, settings, verified);
  };
}

async function verifyWith(
  keys: NamedKey[],
  token: string,
  settings: TokenSettings,
  verified: (key: TokenKeyName) => void,
): Promise<Verdict> {
  for (const { name, key } of keys) {
    try {
      const { payload } = await jwtVerify(token, key, optionsOf(settings));
      verified(name);
      return verdictOf(payload, settings);
    } catch (error) {
      const refused = refusedBy(error);
      if (refused) return refused;
    }
  }
  return invalid(keys.length > 0 ? 'no key verifies its signature' : 'no key matches its header');
}

function optionsOf({ jwtIssuer, jwtAudience, jwtAlgorithms, ...settings }: TokenSettings) {
  return {
    algorithms: jwtAlgorithms,
    clockTolerance: settings.jwtClockToleranceMs / 1000,
    ...(jwtIssuer && { issuer: jwtIssuer }),
    ...(jwtAudience && { audience: jwtAudience }),
  } satisfies JWTVerifyOptions;
}

/** Returns `undefined` if another key may verify the token. */
function refusedBy(error: unknown): TokenRefused | undefined {
  if (error instanceof errors.JWTExpired) return expired;
  if (error instanceof errors.JWTClaimValidationFailed) {
    const { claim, reason, message } = error;
    if (claim === 'nbf' && reason === 'check_failed') return notActive(claim);
    return invalid(message.replaceAll('"', ''), claim);
  }
  const mayFitAnother =
    error instanceof errors.JWSSignatureVerificationFailed || // of another key
    error instanceof TypeError; // a key of another type or curve
  return mayFitAnother ? undefined : invalid((error as Error).message);
}

/** Checks the claims of an authentic token. */
function verdictOf(payload: object, settings: TokenSettings): Verdict {
  const { jwtClockToleranceMs: toleranceMs, jwtLifetimeMsMax: lifetimeMsMax } = settings;
  const claims = claimsSchema.safeParse(payload);
  if (!claims.success) {
    const [issue] = claims.error.issues;
    return invalid(`${issue?.path.join('.')} ${issue?.message}`, String(issue?.path[0]));
  }
  const { sub, exp, iat, role, rooms } = claims.data;
  const [expiresAt, issuedAt, now] = [exp * 1000, iat * 1000, Date.now()];
  if (expiresAt <= now) return expired; // without tolerance: a socket closes at this time, too
  if (expiresAt > now + lifetimeMsMax) {
    return invalid(`exp is more than ${lifetimeMsMax} ms ahead (JWT_LIFETIME_MS_MAX)`, 'exp');
  }
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

function headerOf(token: string) {
  try {
    return decodeProtectedHeader(token);
  } catch {
    return undefined;
  }
}

/** Signs a token with an HMAC secret, for development and tests. */
export function mintToken(
  secret: string,
  claims: { sub: string; role?: string; rooms?: string[]; iss?: string; aud?: string },
  ttlSeconds: number,
  algorithm = 'HS256',
): string {
  const { iat } = { iat: Math.floor(Date.now() / 1000), ...claims };
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const header = { alg: algorithm, typ: 'JWT' };
  const signed = `${encode(header)}.${encode({ ...claims, iat, exp: iat + ttlSeconds })}`;
  const hmac = createHmac(`sha${algorithm.slice(2)}`, secret).update(signed);
  return `${signed}.${hmac.digest('base64url')}`;
}
