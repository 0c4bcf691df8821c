// The tokens a check connects with, and the ones that must be refused.
import { randomBytes } from 'node:crypto';
import { mintToken } from '../../auth/tokens.ts';
import type { RefusalCode } from '../../protocol/refusals.ts';

const ttlSeconds = 600;

export interface MintKey {
  secret: string;
  algorithm: string | undefined;
  /** Issuer and audience, where the service asks for them. */
  iss?: string;
  aud?: string;
}

export interface Tokens {
  /** Of two users, or of one when only his token was given. */
  first: string;
  second: string;
  /** By the code that each is refused with. */
  wrong: Partial<Record<RefusalCode, string | undefined>>;
}

/** Tokens of two users of their own. */
export function mintedTokens(key: MintKey, roomPrefix: string): Tokens {
  const name = `check-${randomBytes(6).toString('hex')}`;
  const { secret, algorithm, ...issued } = key;
  const mint = (user: string, seconds: number) => {
    const claims = { sub: `${name}-${user}`, rooms: [`${roomPrefix}*`], ...issued };
    return mintToken(secret, claims, seconds, algorithm);
  };
  const { first, wrong } = tokensFrom(mint('a', ttlSeconds));
  const second = mint('b', ttlSeconds);
  return { first, second, wrong: { ...wrong, token_expired: mint('a', -ttlSeconds) } };
}

/** From a token that somebody else's key has signed: there is no expired one, then. */
export function tokensFrom(token: string): Tokens {
  const [header, claims] = token.split('.');
  const forged = [header, claims, randomBytes(32).toString('base64url')].join('.');
  const wrong = { authentication_required: undefined, invalid_token: forged };
  return { first: token, second: token, wrong };
}
