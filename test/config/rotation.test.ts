// Secrets in files change while the service runs, as mounted Secrets of Kubernetes do.
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { mintToken } from '../../service/auth/tokens.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, next, samples, startApp, until, untilReady } from '../harness/service.ts';

const [old, fresh] = ['old', 'new'].map((name) => name.repeat(16)) as [string, string];
const keys = { billing: 'key-of-billing-0123456789', ops: 'key-of-ops-0123456789' };

/** A folder whose files are replaced at once: Kubernetes swaps a symbolic link. */
function createVolume(files: Record<string, string>) {
  const folder = mkdtempSync(join(tmpdir(), 'mooring-secrets-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  let versions = 0;
  const write = (content: Record<string, string>) => {
    versions += 1;
    const version = join(folder, `version-${versions}`);
    mkdirSync(version);
    for (const [name, text] of Object.entries(content)) writeFileSync(join(version, name), text);
    symlinkSync(version, join(folder, 'next'));
    renameSync(join(folder, 'next'), join(folder, 'data'));
  };
  write(files);
  return { path: join(folder, 'data'), write };
}

async function startWith(files: Record<string, string>) {
  const volume = createVolume(files);
  const env = { JWT_SECRET: '', API_KEY: '', SECRETS_DIR: volume.path, LOG_LEVEL: 'info' };
  const service = await startApp(env);
  const changes = () => service.logged.filter(({ msg }) => msg === 'secrets changed');
  /** Replaces the files and waits until the service uses them. */
  const rotate = async (content: Record<string, string>) => {
    const before = changes().length;
    volume.write(content);
    await until('the service reads the files', () => changes().length > before);
    return changes().at(-1)?.names;
  };
  return { ...service, volume, rotate };
}

type Service = Awaited<ReturnType<typeof startWith>>;

const signedBy = (service: Service, secret: string) =>
  service.connect(undefined, { token: mintToken(secret, { sub: 'alice' }, 60) });
const codeOf = async (client: Socket) => {
  const [error] = await next(client, 'connect_error');
  return (error as { data: { code: string } }).data.code;
};
const statusOf = (service: Service, key: string) =>
  fetch(`${service.operationsUrl}/v1/pods`, { headers: { Authorization: `Bearer ${key}` } }).then(
    ({ status }) => status,
  );

describe('rotation', () => {
  it('of the token secret accepts both until the old one is removed', async () => {
    const service = await startWith({ 'jwt-secret': old });
    const veteran = await connected(signedBy(service, old));
    expect(await codeOf(signedBy(service, fresh))).toBe('invalid_token');
    const both = { 'jwt-secret': fresh, 'jwt-secret-previous': old };
    expect(await service.rotate(both)).toEqual(['JWT_SECRET', 'JWT_SECRET_PREVIOUS']);
    await connected(signedBy(service, old));
    await connected(signedBy(service, fresh));
    expect(await samples(service.operationsUrl, 'tokens_verified_total')).toMatchObject({
      'key="jwt_secret"': 2,
      'key="jwt_secret_previous"': 1,
    });
    expect(await service.rotate({ 'jwt-secret': fresh })).toEqual(['JWT_SECRET_PREVIOUS']);
    expect(await codeOf(signedBy(service, old))).toBe('invalid_token');
    await connected(signedBy(service, fresh));
    expect(veteran.connected).toBe(true);
  });

  it('of API keys adds a key, and takes one away', async () => {
    const service = await startWith({ 'jwt-secret': old });
    expect(await statusOf(service, keys.ops)).toBe(403); // there is none
    const [billing, ops] = [`billing:read:${keys.billing}`, `ops:read:${keys.ops}`];
    await service.rotate({ 'jwt-secret': old, 'api-keys': billing });
    expect([await statusOf(service, keys.billing), await statusOf(service, keys.ops)]).toEqual([
      200, 401,
    ]);
    await service.rotate({ 'jwt-secret': old, 'api-keys': `${billing}\n${ops}\n` });
    expect([await statusOf(service, keys.billing), await statusOf(service, keys.ops)]).toEqual([
      200, 200,
    ]);
    await service.rotate({ 'jwt-secret': old, 'api-keys': ops });
    expect([await statusOf(service, keys.billing), await statusOf(service, keys.ops)]).toEqual([
      401, 200,
    ]);
  });

  it('keeps the old secrets while the new files cannot be used, and says so', async () => {
    const service = await startWith({ 'jwt-secret': old, 'api-key': keys.ops });
    service.volume.write({ 'jwt-secret': 'short', 'api-key': keys.ops });
    const failures = () => service.logged.filter(({ stage }) => stage === 'secrets');
    await until('it is logged', () => failures().length > 0);
    expect(JSON.stringify(failures())).toContain('JWT_SECRET must be at least 32 bytes long');
    expect(JSON.stringify(service.logged)).not.toMatch(/"short"|oldold|key-of/);
    await connected(signedBy(service, old));
    expect(await statusOf(service, keys.ops)).toBe(200);
    await service.rotate({ 'jwt-secret': fresh, 'api-key': keys.ops });
    await connected(signedBy(service, fresh));
  });

  it('of the Redis password is used by the next connection, without a restart', async () => {
    const redis = await startRedis({ requirepass: 'first' });
    const files = { 'jwt-secret': old, 'redis-url': `redis://127.0.0.1:${redis.port}` };
    const service = await startWith({ ...files, 'redis-password': 'first' });
    await untilReady(service.operationsUrl);
    const changed = await service.rotate({ ...files, 'redis-password': 'second' });
    expect(changed).toEqual(['REDIS_URL', 'REDIS_PASSWORD']);
    await redis.kill();
    await redis.start({ requirepass: 'second' });
    const client = await connected(signedBy(service, old));
    await until('Redis is available', async () => {
      const answer = await client.emitWithAck('join_room', 'lobby');
      return answer.ok;
    });
    const answer = await client.emitWithAck('send_message', { roomId: 'lobby', text: 'hello' });
    expect(answer).toMatchObject({ ok: true });
  });
});
