// Verifies and signs JSON Web Tokens. The only file that imports jsonwebtoken and jose.
import { createPublicKey, createSecretKey, KeyObject } from 'node:crypto';
import { createRemoteJWKSet, errors } from 'jose';
import jwt from 'jsonwebtoken';
import { z } from 'zod';
import { nameSchema, type SocketData } from '../protocol/identity.ts';
import { type RefusalCode, Unavailable } from '../protocol/refusals.ts';

const jwksTimeoutMs = 3_000;
const jwksCacheMsMax = 600_000;
const refetchesMax = 3; // burst of refetches for an unknown `kid`
const refetchMs = 10_000; // one more is allowed after this time

interface TokenConfig {
  jwtSecret?: string | undefined;
  jwtPublicKey?: string | undefined;
  jwtJwksUrl?: string | undefined;
  jwtIssuer?: string | undefined;
  jwtAudience?: string | undefined;
  jwtAlgorithms: string[];
}

export type Verdict =
  | { ok: true; data: SocketData }
  | { ok: false; code: Extract<RefusalCode, `${string}token${string}` | `auth${string}`> };

const claimsSchema = z.object({
  sub: nameSchema,
  exp: z.number(),
  iat: z.number().default(0),
  role: z.string().max(128).optional(),
  rooms: z.array(z.string().min(1).max(128)).max(1000).optional(),
});

/**
 * Creates the check that every namespace runs on `auth.token`. Keys are imported once, because
 * jsonwebtoken would import a string secret again on every connect.
 * The check rejects with `Unavailable` when the key set cannot be fetched.
 */
export function createTokenVerifier(config: TokenConfig) {
  const keyOf = createKeySource(config);
  const options: jwt.VerifyOptions & { complete: false } = {
    algorithms: config.jwtAlgorithms as jwt.Algorithm[],
    complete: false,
    ...(config.jwtIssuer && { issuer: config.jwtIssuer }),
    ...(config.jwtAudience && { audience: config.jwtAudience }),
  };
  return async function verify(token: unknown): Promise<Verdict> {
    if (typeof token !== 'string' || token === '') {
      return { ok: false, code: 'authentication_required' };
    }
    const key = await keyOf(token);
    if (!key) return { ok: false, code: 'invalid_token' };
    try {
      const claims = claimsSchema.safeParse(jwt.verify(token, key, options));
      return claims.success
        ? { ok: true, data: toSocketData(claims.data) }
        : { ok: false, code: 'invalid_token' };
    } catch (error) {
      const expired = error instanceof jwt.TokenExpiredError;
      return { ok: false, code: expired ? 'token_expired' : 'invalid_token' };
    }
  };
}

/** Signs a token with the HMAC secret, for development and tests. */
export function mintToken(
  secret: string,
  claims: { sub: string; role?: string; rooms?: string[]; iss?: string; aud?: string },
  ttlSeconds: number,
  algorithm = 'HS256',
): string {
  const options = { expiresIn: ttlSeconds, algorithm: algorithm as jwt.Algorithm };
  return jwt.sign(claims, createSecretKey(Buffer.from(secret)), options);
}

function toSocketData(claims: z.infer<typeof claimsSchema>): SocketData {
  const { sub, exp, iat, role, rooms } = claims;
  return {
    user: { id: sub, ...(role && { role }), ...(rooms && { rooms }) },
    expiresAt: exp * 1000,
    issuedAt: iat * 1000,
  };
}

/** Resolves to the key for a token, or to `undefined` if none matches. */
function createKeySource(config: TokenConfig): (token: string) => Promise<KeyObject | undefined> {
  if (!config.jwtJwksUrl) {
    const key = config.jwtSecret
      ? createSecretKey(Buffer.from(config.jwtSecret))
      : createPublicKey(config.jwtPublicKey ?? '');
    return async () => key;
  }
  const keySet = createRemoteJWKSet(new URL(config.jwtJwksUrl), {
    timeoutDuration: jwksTimeoutMs,
    cacheMaxAge: jwksCacheMsMax,
    cooldownDuration: Number.MAX_SAFE_INTEGER, // refetched below, where bursts are bounded
  });
  const mayRefetch = createRateLimit(refetchesMax, refetchMs);
  return async (token) => {
    const header = jwt.decode(token, { complete: true })?.header as { alg: string } | undefined;
    if (!header || !config.jwtAlgorithms.includes(header.alg)) return undefined;
    const find = () => keySet(header).then(KeyObject.from, ignoreNoMatch);
    try {
      const key = await find();
      if (key) return key;
      if (!mayRefetch())
        throw new Error('too many tokens with an unknown kid; not refetching the key set yet');
      await keySet.reload();
      return await find();
    } catch (error) {
      throw new Unavailable('Cannot fetch the JSON Web Key Set (JWT_JWKS_URL)', { cause: error });
    }
  };
}

function ignoreNoMatch(error: unknown): undefined {
  const noMatch = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys];
  if (!noMatch.some((kind) => error instanceof kind)) throw error;
}

/** A rate limit: `max` at once, one more every `refillMs`. */
function createRateLimit(max: number, refillMs: number): () => boolean {
  let left = max;
  let refilledAt = Date.now();
  return () => {
    const refills = Math.floor((Date.now() - refilledAt) / refillMs);
    left = Math.min(max, left + refills);
    refilledAt += refills * refillMs;
    if (left === 0) return false;
    left -= 1;
    return true;
  };
}
