import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import jwt from 'jsonwebtoken';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listen } from '../../service/api/router.ts';
import { createTokenVerifier } from '../../service/auth/tokens.ts';
import { Unavailable } from '../../service/protocol/refusals.ts';

const secret = 'a secret for tests that is long enough';
const hmac = createTokenVerifier({ jwtSecret: secret, jwtAlgorithms: ['HS256'] });
const sign = (claims: object, options: jwt.SignOptions = { expiresIn: 60 }, key = secret) =>
  jwt.sign(claims, key, options);

/** A key set served over HTTP, counting how often it is fetched. */
async function serveKeys() {
  const keys = new Map<string, { publicKey: KeyObject; privateKey: KeyObject }>();
  const state = { fetches: 0, broken: false };
  const server = createServer((_, response) => {
    state.fetches += 1;
    response.statusCode = state.broken ? 500 : 200;
    const published = [...keys].map(([kid, { publicKey }]) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
      alg: 'RS256',
    }));
    response.end(JSON.stringify({ keys: published }));
  });
  const port = await listen(server, 0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
  });
  const add = () => {
    const kid = randomUUID();
    keys.set(kid, generateKeyPairSync('rsa', { modulusLength: 2048 }));
    return kid;
  };
  const signWith = (kid: string, key = keys.get(kid)?.privateKey as KeyObject) =>
    jwt.sign({ sub: 'alice' }, key, { algorithm: 'RS256', keyid: kid, expiresIn: 60 });
  return { url: `http://127.0.0.1:${port}/jwks`, state, add, signWith };
}

describe('token', () => {
  it('says who the user is and until when', async () => {
    const token = sign({ sub: 'alice', role: 'admin', rooms: ['team-*'] });
    const verdict = await hmac(token);
    expect(verdict).toMatchObject({
      ok: true,
      data: { user: { id: 'alice', role: 'admin', rooms: ['team-*'] } },
    });
    if (verdict.ok) expect(verdict.data.expiresAt - Date.now()).toBeLessThanOrEqual(60_000);
  });

  it.each([
    ['nothing', undefined, 'authentication_required'],
    ['something that is no text', { token: 1 }, 'authentication_required'],
    ['garbage', 'a.b.c', 'invalid_token'],
    ['another secret', sign({ sub: 'a' }, { expiresIn: 60 }, 'x'.repeat(32)), 'invalid_token'],
    ['no exp', sign({ sub: 'alice' }, {}), 'invalid_token'],
    ['no sub', sign({}), 'invalid_token'],
    ['a sub that is no name', sign({ sub: 'a b' }), 'invalid_token'],
    ['an exp that is past', sign({ sub: 'alice' }, { expiresIn: -1 }), 'token_expired'],
    [
      'another algorithm',
      sign({ sub: 'a' }, { expiresIn: 9, algorithm: 'HS512' }),
      'invalid_token',
    ],
    ['no signature', jwt.sign({ sub: 'a', exp: 1e10 }, '', { algorithm: 'none' }), 'invalid_token'],
  ])('refuses %s', async (_, token, code) => {
    expect(await hmac(token)).toEqual({ ok: false, code });
  });

  it('requires issuer and audience when they are configured', async () => {
    const verify = createTokenVerifier({
      jwtSecret: secret,
      jwtAlgorithms: ['HS256'],
      jwtIssuer: 'me',
      jwtAudience: 'chat',
    });
    const fits = sign({ sub: 'alice' }, { expiresIn: 60, issuer: 'me', audience: 'chat' });
    const other = sign({ sub: 'alice' }, { expiresIn: 60, issuer: 'me', audience: 'mail' });
    expect((await verify(fits)).ok).toBe(true);
    expect((await verify(other)).ok).toBe(false);
    expect((await verify(sign({ sub: 'alice' }))).ok).toBe(false);
  });

  it('accepts a public key, and no HMAC made with it', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    const verify = createTokenVerifier({ jwtPublicKey: pem, jwtAlgorithms: ['RS256', 'ES256'] });
    const token = jwt.sign({ sub: 'a' }, privateKey, { algorithm: 'ES256', expiresIn: 60 });
    expect((await verify(token)).ok).toBe(true);
    expect(await verify(sign({ sub: 'a' }))).toEqual({ ok: false, code: 'invalid_token' });
  });

  it('fetches a key set once, and once more for a kid it does not know', async () => {
    const keySet = await serveKeys();
    const first = keySet.add();
    const verify = createTokenVerifier({ jwtJwksUrl: keySet.url, jwtAlgorithms: ['RS256'] });
    for (let i = 0; i < 5; i += 1) {
      expect((await verify(keySet.signWith(first))).ok).toBe(true);
    }
    expect(keySet.state.fetches).toBe(1);
    const rotated = keySet.add();
    expect((await verify(keySet.signWith(rotated))).ok).toBe(true);
    expect(keySet.state.fetches).toBe(2);
  });

  it('does not let forged tokens hammer the issuer', async () => {
    const keySet = await serveKeys();
    const kid = keySet.add();
    const verify = createTokenVerifier({ jwtJwksUrl: keySet.url, jwtAlgorithms: ['RS256'] });
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const outcomes = new Map<unknown, number>();
    for (let i = 0; i < 20; i += 1) {
      const forged = keySet.signWith(`unknown-${i}`, privateKey);
      const verdict = await verify(forged).catch((error: Error) => error.name);
      const outcome = typeof verdict === 'string' ? verdict : verdict.ok;
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect(Object.fromEntries(outcomes)).toEqual({ false: 3, Unavailable: 17 });
    expect(keySet.state.fetches).toBeLessThanOrEqual(4);
    expect((await verify(keySet.signWith(kid))).ok).toBe(true);
  });

  it('distinguishes an unavailable key set from a wrong token', async () => {
    const keySet = await serveKeys();
    const kid = keySet.add();
    keySet.state.broken = true;
    const verify = createTokenVerifier({ jwtJwksUrl: keySet.url, jwtAlgorithms: ['RS256'] });
    await expect(verify(keySet.signWith(kid))).rejects.toBeInstanceOf(Unavailable);
    keySet.state.broken = false;
    expect((await verify(keySet.signWith(kid))).ok).toBe(true);
  });
});
