// A process with few file descriptors, and clients that want more than there are.
import { connect, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connectionsForDescriptors } from '../../service/sockets/descriptors.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, samples, startProcess, until, untilReady } from '../harness/service.ts';

const withDescriptors = (max: number) => ['sh', '-c', `ulimit -n ${max}; exec "$@"`, 'sh'];

/** TCP connections that send nothing; returns those that are still open. */
function openIdle(url: string, count: number): () => number {
  const port = Number(new URL(url).port);
  const open = new Set<Socket>();
  let settled = 0;
  for (let i = 0; i < count; i += 1) {
    const socket = connect(port, '127.0.0.1', () => {
      open.add(socket);
      settled += 1;
    });
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
  }
  onTestFinished(() => {
    for (const socket of open) socket.destroy();
  });
  return () => (settled < count ? Infinity : open.size);
}

describe('file descriptors', () => {
  it('are left for probes and Redis when clients want all of them', async () => {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url, LOG_LEVEL: 'warn' };
    const service = await startProcess(env, withDescriptors(300));
    await untilReady(service.operationsUrl);
    const early = await connected(service.connect('alice', { transports: ['websocket'] }));
    const open = openIdle(service.url, 400);
    await until('the excess is closed', () => open() < 300);
    const probe = await fetch(`${service.operationsUrl}/healthz`, {
      headers: { Connection: 'close' }, // a new connection
    });
    expect(probe.status).toBe(200);
    expect(await early.emitWithAck('join_room', 'lobby')).toMatchObject({ ok: true });
    const closed = await samples(service.operationsUrl, 'protective_closes_total');
    expect(closed['cause="descriptors"']).toBeGreaterThan(100);
    expect(service.output()).toContain('too few file descriptors');
    expect(service.child.exitCode).toBeNull();
  });

  it('are left in a primary and its workers, too', async () => {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url, WORKERS: '2' };
    const service = await startProcess(env, withDescriptors(300));
    await untilReady(service.operationsUrl);
    const open = openIdle(service.url, 400);
    await until('the excess is closed', () => open() < 300);
    const headers = { Connection: 'close' };
    expect((await fetch(`${service.operationsUrl}/healthz`, { headers })).status).toBe(200);
    expect(service.child.exitCode).toBeNull();
  });

  it('that no system limits allow any number of connections', () => {
    expect(connectionsForDescriptors('')).toBe(Infinity);
    expect(connectionsForDescriptors('Max open files  unlimited  unlimited  files')).toBe(Infinity);
    expect(connectionsForDescriptors('Max open files  1024  4096  files')).toBe(896);
    expect(connectionsForDescriptors('Max open files  64  64  files')).toBe(1);
  });
});
