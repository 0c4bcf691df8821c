// A `sub` of each of twelve issuers, signed with the keys of a key set that is served over HTTP.
import { generateKeyPair, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { promisify } from 'node:util';
import { expect, it, onTestFinished } from 'vitest';
import { listen } from '../../service/api/router.ts';
import { get } from '../harness/backend.ts';
import { connected, startApp } from '../harness/service.ts';

const subs = {
  Auth0: 'auth0|507f1f77bcf86cd799439020',
  Google: 'google-oauth2|108204268033311374519',
  Cognito: 'us-east-1:aaaabbbb-1111-2222-3333-ccccddddeeee',
  'Entra ID': 'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ',
  Okta: '00u1a2b3c4d5e6F7g8h9',
  Keycloak: 'f:2f6a1e2c-0000-4e07-9b4f-3d9f6f7a1b2c:jörg.müller',
  Firebase: 'XJ0mTz4yqTbW1nQe9nqkJ0aB3sY2',
  GitHub: 'repo:octo-org/octo-repo:ref:refs/heads/main',
  Kubernetes: 'system:serviceaccount:chat:default',
  SPIFFE: 'spiffe://example.org/ns/chat/sa/default',
  'AWS STS': 'arn:aws:sts::123456789012:assumed-role/Chat/alice+on-call@example.com',
  LDAP: 'uid=alice,ou=People,dc=example,dc=com',
};

const base64url = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');

/** An issuer with one key, whose key set is served. */
async function startIssuer() {
  const { publicKey, privateKey } = await promisify(generateKeyPair)('ed25519');
  const jwk = { ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'EdDSA', use: 'sig' };
  const server = createServer((_, response) => response.end(JSON.stringify({ keys: [jwk] })));
  const port = await listen(server, 0, '127.0.0.1');
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const tokenFor = (sub: string) => {
    const now = Math.floor(Date.now() / 1000);
    const head = base64url({ alg: 'EdDSA', kid: 'one' });
    const signed = `${head}.${base64url({ sub, iat: now, exp: now + 300 })}`;
    return `${signed}.${sign(null, Buffer.from(signed), privateKey).toString('base64url')}`;
  };
  return { url: `http://127.0.0.1:${port}/jwks`, tokenFor };
}

it.each(Object.entries(subs))('a user of %s connects, joins and is found', async (_, sub) => {
  const issuer = await startIssuer();
  const service = await startApp({ JWT_SECRET: '', JWT_JWKS_URL: issuer.url });
  const client = await connected(service.connect(undefined, { token: issuer.tokenFor(sub) }));
  const joined = await client.emitWithAck('join_room', 'lobby');
  expect(joined).toMatchObject({ ok: true, members: [sub] });
  const path = `users/${encodeURIComponent(sub)}`;
  const { body } = await get(service.operationsUrl, path);
  expect(body).toMatchObject({ userId: sub, online: true, sockets: [{ rooms: ['lobby'] }] });
});
