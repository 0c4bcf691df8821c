// A Redis that is only reached by TLS, with a certificate of a private authority.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { createCertificates } from '../harness/certificates.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, freePort, startProcess, until, untilReady } from '../harness/service.ts';

it('rediss:// verifies the server, and NODE_EXTRA_CA_CERTS adds a private authority', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-tls-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const { authority, certificate, key } = createCertificates(folder, 'IP:127.0.0.1');
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
