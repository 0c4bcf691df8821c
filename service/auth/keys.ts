// The keys that may verify a token: HMAC secrets, a public key, or a key set of the issuer.
import { createPublicKey, createSecretKey, KeyObject } from 'node:crypto';
import { createRemoteJWKSet, errors, type ProtectedHeaderParameters } from 'jose';
import type { TokenKeyName } from '../config/credentials.ts';
import type { Config } from '../config/schema.ts';
import { Unavailable } from '../protocol/refusals.ts';

const fetchMsMax = 3_000;
const cacheMsMax = 600_000;
const refetchesMax = 3; // burst of refetches for an unknown `kid`
const refetchMs = 10_000; // one more is allowed after this time

export type KeySettings = Pick<
  Config,
  'jwtSecret' | 'jwtSecretPrevious' | 'jwtPublicKey' | 'jwtJwksUrl'
>;

export interface NamedKey {
  name: TokenKeyName;
  key: KeyObject;
}

/** The keys that may have signed a token, in the order in which to try them. */
export type FindKeys = (header: ProtectedHeaderParameters) => Promise<NamedKey[]>;

/** @returns a function that rejects with `Unavailable` if the key set cannot be fetched */
export function createKeySource(settings: KeySettings): FindKeys {
  const { jwtSecret, jwtSecretPrevious, jwtPublicKey, jwtJwksUrl } = settings;
  if (jwtJwksUrl) return createKeySet(jwtJwksUrl);
  const keys: NamedKey[] = [];
  if (jwtSecret) keys.push({ name: 'jwt_secret', key: secretKey(jwtSecret) });
  if (jwtSecretPrevious) {
    keys.push({ name: 'jwt_secret_previous', key: secretKey(jwtSecretPrevious) });
  }
  if (jwtPublicKey) keys.push({ name: 'jwt_public_key', key: createPublicKey(jwtPublicKey) });
  return async () => keys;
}

const secretKey = (secret: string) => createSecretKey(Buffer.from(secret));

function createKeySet(url: string): FindKeys {
  const keySet = createRemoteJWKSet(new URL(url), {
    timeoutDuration: fetchMsMax,
    cacheMaxAge: Number.POSITIVE_INFINITY, // by the wall clock; refreshed below
    cooldownDuration: Number.MAX_SAFE_INTEGER, // refetched below, where bursts are bounded
  });
  let fetchedAtMs = Number.NEGATIVE_INFINITY;
  const fetchKeys = async () => {
    await keySet.reload();
    fetchedAtMs = performance.now();
  };
  const mayRefetch = createRateLimit(refetchesMax, refetchMs);
  const isUnknown = ({ kid }: ProtectedHeaderParameters) =>
    kid !== undefined && !keySet.jwks()?.keys.some((key) => key.kid === kid);
  return async (header) => {
    try {
      if (performance.now() - fetchedAtMs > cacheMsMax) await fetchKeys();
      const keys = await matching(keySet, header);
      if (keys.length > 0 || !isUnknown(header)) return keys;
      if (!mayRefetch()) {
        throw new Error('too many tokens with an unknown kid; not refetching the key set yet');
      }
      await fetchKeys();
      return await matching(keySet, header);
    } catch (error) {
      throw new Unavailable('Cannot fetch the JSON Web Key Set (JWT_JWKS_URL)', { cause: error });
    }
  };
}

/** All keys of the set that fit the header. There are several if the token has no `kid`. */
async function matching(
  keySet: ReturnType<typeof createRemoteJWKSet>,
  header: ProtectedHeaderParameters,
): Promise<NamedKey[]> {
  const keys: NamedKey[] = [];
  try {
    keys.push({ name: 'jwks', key: KeyObject.from(await keySet(header)) });
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) {
      for await (const key of error) keys.push({ name: 'jwks', key: KeyObject.from(key) });
    } else if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
  }
  return keys;
}

/** A rate limit: `max` at once, one more every `refillMs`. */
function createRateLimit(max: number, refillMs: number): () => boolean {
  let left = max;
  let refilledAt = performance.now();
  return () => {
    const refills = Math.floor((performance.now() - refilledAt) / refillMs);
    left = Math.min(max, left + refills);
    refilledAt += refills * refillMs;
    if (left === 0) return false;
    left -= 1;
    return true;
  };
}
