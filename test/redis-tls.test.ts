// A Redis that is only reached by TLS, with a certificate of a private authority.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startRedis } from './harness/redis.ts';
import { connected, freePort, startProcess, until, untilReady } from './harness/service.ts';

/** Paths of a certificate for the loopback address and of the authority that signed it. */
function certificates() {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'ignore' });
  const create = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const shared = ['-nodes', '-days', '1', '-subj'];
  openssl(...create, ...shared, '/CN=authority', '-keyout', path('ca.key'), '-out', path('ca.pem'));
  const signed = ['-CA', path('ca.pem'), '-CAkey', path('ca.key'), '-addext'];
  const files = ['-keyout', path('key.pem'), '-out', path('cert.pem')];
  openssl(...create, ...shared, '/CN=redis', ...signed, 'subjectAltName=IP:127.0.0.1', ...files);
  return { authority: path('ca.pem'), certificate: path('cert.pem'), key: path('key.pem') };
}

it('rediss:// verifies the server; NODE_EXTRA_CA_CERTS adds a private authority', async () => {
  const { authority, certificate, key } = certificates();
  const port = await freePort();
  await startRedis({
    'tls-port': String(port),
    'tls-cert-file': certificate,
    'tls-key-file': key,
    'tls-ca-cert-file': authority,
    'tls-auth-clients': 'no',
  });
  const env = { REDIS_URL: `rediss://127.0.0.1:${port}`, LOG_LEVEL: 'error' };
  const stranger = await startProcess(env);
  await until('it is refused', () => /unable to verify|self-signed/.test(stranger.output()));
  stranger.child.kill('SIGKILL');
  const service = await startProcess({ ...env, NODE_EXTRA_CA_CERTS: authority });
  await untilReady(service.operationsUrl);
  const client = await connected(service.connect('alice'));
  expect(await client.emitWithAck('join_room', 'lobby')).toMatchObject({ ok: true });
});
