// Verifies signatures with jsonwebtoken, and with jose for EdDSA, which jsonwebtoken lacks.
import type { KeyObject } from 'node:crypto';
import { compactVerify } from 'jose';
import jwt from 'jsonwebtoken';

/** The caller checks all claims, so that a refusal names the claim. */
const signatureOnly = { ignoreExpiration: true, ignoreNotBefore: true };

/**
 * Verifies the signature of a token. Returns its claims, unchecked.
 * @throws if the signature is invalid or the key does not fit the algorithm
 */
export async function readSigned(token: string, key: KeyObject, algorithm: string) {
  if (algorithm !== 'EdDSA') {
    const algorithms = [algorithm as jwt.Algorithm];
    return jwt.verify(token, key, { ...signatureOnly, algorithms });
  }
  const { payload } = await compactVerify(token, key, { algorithms: [algorithm] });
  return JSON.parse(Buffer.from(payload).toString()) as unknown;
}
