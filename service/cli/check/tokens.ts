// The tokens that a check connects with, and invalid ones that must be refused.
import { randomBytes } from 'node:crypto';
import { mintToken } from '../../auth/tokens.ts';
import type { RefusalCode } from '../../protocol/refusals.ts';

const ttlSeconds = 600;

export interface MintKey {
  secret: string;
  algorithm: string | undefined;
  /** Issuer and audience, if the service requires them. */
  iss?: string;
  aud?: string;
}

export interface Tokens {
  /** Of two users, or both of one user if only one token was given. */
  first: string;
  second: string;
  /** By the expected refusal code. */
  invalid: Partial<Record<RefusalCode, string | undefined>>;
}

/** Signs tokens of two new users. */
export function mintedTokens(key: MintKey, roomPrefix: string): Tokens {
  const name = `check-${randomBytes(6).toString('hex')}`;
  const { secret, algorithm, ...issued } = key;
  const mint = (user: string, seconds: number) => {
    const claims = { sub: `${name}-${user}`, rooms: [`${roomPrefix}*`], ...issued };
    return mintToken(secret, claims, seconds, algorithm);
  };
  const { first, invalid } = tokensFrom(mint('a', ttlSeconds));
  const second = mint('b', ttlSeconds);
  return { first, second, invalid: { ...invalid, token_expired: mint('a', -ttlSeconds) } };
}

/** From a token of another issuer; without its key there is no expired token. */
export function tokensFrom(token: string): Tokens {
  const [header, claims] = token.split('.');
  const forged = [header, claims, randomBytes(32).toString('base64url')].join('.');
  const invalid = { authentication_required: undefined, invalid_token: forged };
  return { first: token, second: token, invalid };
}
