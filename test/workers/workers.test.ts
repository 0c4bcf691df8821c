import { describe, expect, it } from 'vitest';
import { childrenOf } from '../harness/processes.ts';
import { apiKey, connected, next, readyStatus, samples, until } from '../harness/service.ts';
import { handshake, startWorkers } from '../harness/workers.ts';

describe('workers', () => {
  it('serve twenty of twenty clients, and messages cross them', async () => {
    const service = await startWorkers();
    const clients = await Promise.all(
      Array.from({ length: 20 }, (_, i) => connected(service.connect(`user-${i}`))),
    );
    for (const client of clients) await client.emitWithAck('join_room', 'lobby');
    const heard = clients.map((client) => next(client, 'new_message'));
    await clients[0]?.emitWithAck('send_message', { roomId: 'lobby', text: 'hi' });
    await Promise.all(heard);
    const notified = clients.map((client) => next(client, 'notification'));
    const published = await fetch(`${service.operationsUrl}/v1/publish`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${apiKey}` },
      body: JSON.stringify({ everyone: true, event: 'notification', data: 1 }),
    });
    expect(published.status).toBe(202);
    await Promise.all(notified);
  });

  it('add up in /metrics, and no counter goes down when one dies', async () => {
    const service = await startWorkers();
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => connected(service.connect('alice'))),
    );
    for (const client of clients) await client.emitWithAck('join_room', 'lobby');
    const open = async () => {
      const connections = await samples(service.operationsUrl, 'connections');
      return Object.values(connections).reduce((sum, n) => sum + n, 0);
    };
    expect(await open()).toBe(10);
    const before = await samples(service.operationsUrl, 'messages_received_total');
    expect(before['event="join_room"']).toBe(10);
    expect(await samples(service.operationsUrl, 'redis_up')).toEqual({ '': 1 });
    process.kill(childrenOf(service.child.pid)[0] as number, 'SIGKILL');
    await until('all are back', async () => (await open()) === 10);
    const after = await samples(service.operationsUrl, 'messages_received_total');
    expect(after['event="join_room"']).toBeGreaterThanOrEqual(10);
  });

  it.each(['SIGKILL', 'SIGSTOP'] as const)(
    'are replaced after %s while the pod stays ready, and their clients come back',
    async (signal) => {
      const service = await startWorkers({ LOG_LEVEL: 'error' });
      const options = { transports: ['websocket'] };
      const clients = await Promise.all(
        Array.from({ length: 8 }, () => connected(service.connect('alice', options))),
      );
      const [first] = childrenOf(service.child.pid) as [number];
      let notReady = 0;
      const probe = setInterval(async () => {
        if ((await readyStatus(service.operationsUrl)) !== 200) notReady += 1;
      }, 100);
      process.kill(first, signal);
      const arriving = Array.from({ length: 20 }, () => handshake(service.url));
      const replaced = () => {
        const workers = childrenOf(service.child.pid);
        return workers.length === 2 && !workers.includes(first);
      };
      await until('it is replaced', replaced, 15_000);
      await Promise.all(arriving); // by the other worker, or closed with the dead one
      await until('all are back', () => clients.every(({ connected }) => connected), 20_000);
      clearInterval(probe);
      expect(notReady).toBe(0);
    },
  );

  it('are drained by the primary, which exits 0', async () => {
    const service = await startWorkers({ DRAIN_MS_MAX: '500', ENDPOINT_DELAY_MS: '1000' });
    const client = await connected(service.connect('alice', { reconnection: false }));
    const closed = next(client, 'disconnect');
    service.child.kill('SIGTERM');
    await until('readiness is off', async () => (await readyStatus(service.operationsUrl)) === 503);
    await closed;
    expect(await service.exited).toEqual([0, null]);
  });

  it('survive a Ctrl-C that reaches every process of the group', async () => {
    const service = await startWorkers({ ENDPOINT_DELAY_MS: '2000' });
    const options = { reconnection: false, transports: ['websocket'] };
    const client = await connected(service.connect('alice', options));
    const closed = next(client, 'disconnect');
    for (const pid of [service.child.pid as number, ...childrenOf(service.child.pid)]) {
      process.kill(pid, 'SIGINT');
    }
    await until('readiness is off', async () => (await readyStatus(service.operationsUrl)) === 503);
    expect(client.connected).toBe(true);
    await closed;
    expect(await service.exited).toEqual([0, null]);
  });
});
