import { createHmac, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { SignJWT } from 'jose';
import jwt from 'jsonwebtoken';
import { describe, expect, it, onTestFinished } from 'vitest';
import { listen } from '../../service/api/router.ts';
import { createTokenVerifier, type TokenSettings } from '../../service/auth/tokens.ts';
import { parseConfig } from '../../service/config/schema.ts';
import { Unavailable } from '../../service/protocol/refusals.ts';

const secret = 'a secret for tests that is long enough';

/** A token with any header and any claims. */
function mac(header: object, claims: object): string {
  const encode = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');
  const signed = `${encode(header)}.${encode(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}

function verifierOf(settings: Partial<TokenSettings>, verified?: (key: string) => void) {
  const { jwtClockToleranceMs, jwtLifetimeMsMax } = parseConfig({ JWT_SECRET: secret });
  const given = {
    jwtSecret: undefined,
    jwtSecretPrevious: undefined,
    jwtPublicKey: undefined,
    jwtJwksUrl: undefined,
    jwtIssuer: undefined,
    jwtAudience: undefined,
    jwtAlgorithms: ['RS256'],
    jwtClockToleranceMs,
    jwtLifetimeMsMax,
    ...settings,
  };
  return createTokenVerifier(() => given, verified);
}

const hmac = verifierOf({ jwtSecret: secret, jwtAlgorithms: ['HS256'] });
const sign = (claims: object, options: jwt.SignOptions = { expiresIn: 60 }, key = secret) =>
  jwt.sign(claims, key, options);

/** A key set served over HTTP, counting how often it is fetched. */
async function serveKeys() {
  const keys = new Map<string, { publicKey: KeyObject; privateKey: KeyObject }>();
  const state = { fetches: 0, broken: false, kids: true };
  const server = createServer((_, response) => {
    state.fetches += 1;
    response.statusCode = state.broken ? 500 : 200;
    const published = [...keys].map(([kid, { publicKey }]) => ({
      ...publicKey.export({ format: 'jwk' }),
      ...(state.kids && { kid }),
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
    jwt.sign({ sub: 'alice' }, key, {
      algorithm: 'RS256',
      expiresIn: 60,
      ...(state.kids && { keyid: kid }),
    });
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
    ['an exp that is past', sign({ sub: 'alice' }, { expiresIn: -1 }), 'token_expired'],
    [
      'another algorithm',
      sign({ sub: 'a' }, { expiresIn: 9, algorithm: 'HS512' }),
      'invalid_token',
    ],
    ['no signature', jwt.sign({ sub: 'a', exp: 1e10 }, '', { algorithm: 'none' }), 'invalid_token'],
  ])('refuses %s', async (_, token, code) => {
    expect(await hmac(token)).toMatchObject({ ok: false, code });
  });

  it.each([
    'auth0|507f1f77bcf86cd799439011',
    'google-oauth2|108204268033311374519',
    'alice+chat@example.com',
    'spiffe://example.org/ns/chat/sa/alice',
    'arn:aws:sts::123456789012:assumed-role/Admin/alice',
    'CN=Müller\\, Jörg,OU=Users,DC=example,DC=com',
    'YWxpY2U+Ym9iPz8/==',
    'Jürgen Groß',
    '00u1a2b3c4D5E6F7g8h9',
    'urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66',
    'https://issuer.example/users/1?tenant=a&b=%20{x}',
    'x'.repeat(255),
  ])('may be for the user %s', async (sub) => {
    expect(await hmac(sign({ sub }))).toMatchObject({ ok: true, data: { user: { id: sub } } });
  });

  it.each([
    ['sub', { sub: 'a\nb' }],
    ['sub', { sub: '' }],
    ['sub', { sub: 'x'.repeat(256) }],
    ['sub', { sub: 'ali\u202ece' }],
    ['sub', {}],
    ['role', { sub: 'a', role: 7 }],
    ['rooms', { sub: 'a', rooms: 'team-*' }],
    ['aud', { sub: 'a', iss: 'me' }],
    ['iss', { sub: 'a', aud: 'chat', iss: 'somebody else' }],
    ['exp', { sub: 'a', aud: 'chat', iss: 'me', exp: 1e308 }],
    ['exp', { sub: 'a', aud: 'chat', iss: 'me', exp: Date.now() + 60_000 }],
    ['exp', { sub: 'a', aud: 'chat', iss: 'me', exp: 'tomorrow' }],
  ])('is refused with the name of the claim %s in %j', async (claim, claims) => {
    const issued = { jwtIssuer: 'me', jwtAudience: 'chat' };
    const needsIssuer = ['aud', 'iss', 'exp'].includes(claim);
    const given = { jwtSecret: secret, jwtAlgorithms: ['HS256'], ...(needsIssuer && issued) };
    const exp = Math.floor(Date.now() / 1000) + 60;
    const token = mac({ alg: 'HS256' }, { exp, ...claims });
    const verdict = await verifierOf(given)(token);
    expect(verdict).toMatchObject({ ok: false, code: 'invalid_token', claim });
    expect(verdict).toMatchObject({ reason: expect.stringContaining(claim) });
  });

  it('may live for JWT_LIFETIME_MS_MAX, and no longer', async () => {
    const verify = verifierOf({
      jwtSecret: secret,
      jwtAlgorithms: ['HS256'],
      jwtLifetimeMsMax: 3_600_000,
    });
    expect(await verify(sign({ sub: 'a' }, { expiresIn: 3_600 }))).toMatchObject({ ok: true });
    expect(await verify(sign({ sub: 'a' }, { expiresIn: 3_700 }))).toMatchObject({ claim: 'exp' });
  });

  it.each(['nbf', 'iat'])(
    'may have a %s that is ahead of the clock by 5 s at most',
    async (claim) => {
      const now = Math.floor(Date.now() / 1000);
      const ahead = (seconds: number) =>
        mac({ alg: 'HS256' }, { sub: 'a', exp: now + 99, [claim]: now + seconds });
      expect((await hmac(ahead(1))).ok).toBe(true);
      expect((await hmac(ahead(4))).ok).toBe(true);
      const refused = { ok: false, code: 'token_not_active', claim };
      expect(await hmac(ahead(60))).toMatchObject(refused);
      expect(await hmac(ahead(3_600))).toMatchObject(refused);
    },
  );

  it.each([
    ['an extension that must be understood', { crit: ['x-tenant'], 'x-tenant': 1 }],
    ['an empty list of extensions', { crit: [] }],
    ['an unencoded payload', { crit: ['b64'], b64: false }],
    ['an unencoded payload that it does not announce', { b64: false }],
  ])('is refused with %s', async (_, header) => {
    const claims = { sub: 'a', exp: Math.floor(Date.now() / 1000) + 60 };
    const verdict = await hmac(mac({ alg: 'HS256', ...header }, claims));
    expect(verdict).toMatchObject({ ok: false, code: 'invalid_token' });
  });

  it('requires issuer and audience when they are configured', async () => {
    const verify = verifierOf({
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
    const verify = verifierOf({ jwtPublicKey: pem, jwtAlgorithms: ['RS256', 'ES256'] });
    const token = jwt.sign({ sub: 'a' }, privateKey, { algorithm: 'ES256', expiresIn: 60 });
    expect((await verify(token)).ok).toBe(true);
    expect(await verify(sign({ sub: 'a' }))).toMatchObject({ ok: false, code: 'invalid_token' });
  });

  it('accepts EdDSA', async () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const jwtPublicKey = publicKey.export({ format: 'pem', type: 'spki' }).toString();
    const { jwtAlgorithms } = parseConfig({ JWT_PUBLIC_KEY: jwtPublicKey });
    const verify = verifierOf({ jwtPublicKey, jwtAlgorithms });
    const token = await new SignJWT({ sub: 'alice' })
      .setProtectedHeader({ alg: 'EdDSA' })
      .setExpirationTime('1m')
      .sign(privateKey);
    expect((await verify(token)).ok).toBe(true);
  });

  it('accepts two secrets while they are rotated, and says which one verified', async () => {
    const verified: string[] = [];
    const [jwtSecret, jwtSecretPrevious] = ['new', 'old'].map((name) => name.repeat(16));
    const jwtAlgorithms = ['HS256'];
    const verify = verifierOf({ jwtSecret, jwtSecretPrevious, jwtAlgorithms }, (key) =>
      verified.push(key),
    );
    for (const key of [jwtSecret, jwtSecretPrevious]) {
      expect((await verify(sign({ sub: 'a' }, { expiresIn: 60 }, key))).ok).toBe(true);
    }
    expect(await verify(sign({ sub: 'a' }))).toMatchObject({ ok: false, code: 'invalid_token' });
    expect(verified).toEqual(['jwt_secret', 'jwt_secret_previous']);
  });

  it('without kid is tried with each key of the set, which is fetched once', async () => {
    const keySet = await serveKeys();
    keySet.state.kids = false;
    const kids = [keySet.add(), keySet.add(), keySet.add()];
    const verify = verifierOf({ jwtJwksUrl: keySet.url });
    for (const kid of kids) expect((await verify(keySet.signWith(kid))).ok).toBe(true);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const forged = keySet.signWith('', privateKey);
    for (let i = 0; i < 5; i += 1) {
      expect(await verify(forged)).toMatchObject({ ok: false, code: 'invalid_token' });
    }
    expect(keySet.state.fetches).toBe(1);
  });

  it('with a known kid but an algorithm that its key lacks does not refetch the set', async () => {
    const keySet = await serveKeys();
    const kid = keySet.add();
    const verify = verifierOf({ jwtJwksUrl: keySet.url, jwtAlgorithms: ['RS256', 'RS512'] });
    expect((await verify(keySet.signWith(kid))).ok).toBe(true);
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const other = { algorithm: 'RS512', keyid: kid, expiresIn: 60 } as const;
    expect(await verify(jwt.sign({ sub: 'a' }, privateKey, other))).toMatchObject({ ok: false });
    expect(keySet.state.fetches).toBe(1);
  });

  it('fetches a key set once, and once more for a kid it does not know', async () => {
    const keySet = await serveKeys();
    const first = keySet.add();
    const verify = verifierOf({ jwtJwksUrl: keySet.url, jwtAlgorithms: ['RS256'] });
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
    const verify = verifierOf({ jwtJwksUrl: keySet.url, jwtAlgorithms: ['RS256'] });
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
    const verify = verifierOf({ jwtJwksUrl: keySet.url, jwtAlgorithms: ['RS256'] });
    await expect(verify(keySet.signWith(kid))).rejects.toBeInstanceOf(Unavailable);
    keySet.state.broken = false;
    expect((await verify(keySet.signWith(kid))).ok).toBe(true);
  });
});
