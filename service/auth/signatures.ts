// Verifies signatures: jsonwebtoken all that it supports, jose the Edwards curves.
import type { KeyObject } from 'node:crypto';
import { compactVerify } from 'jose';
import jwt from 'jsonwebtoken';

/** Checked with the other claims, so that a refusal names the claim. */
const signatureOnly = { ignoreExpiration: true, ignoreNotBefore: true };

/**
 * Returns the claims of a token that a key has signed with an algorithm, not checked yet.
 * @throws if it has not, or if the key does not fit the algorithm
 */
export async function readSigned(token: string, key: KeyObject, algorithm: string) {
  if (algorithm !== 'EdDSA') {
    const algorithms = [algorithm as jwt.Algorithm];
    return jwt.verify(token, key, { ...signatureOnly, algorithms });
  }
  const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
  return JSON.parse(Buffer.from(payload).toString()) as unknown;
}
