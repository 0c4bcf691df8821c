import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { childrenOf } from './harness/processes.ts';
import { startRedis } from './harness/redis.ts';
import {
  apiKey,
  connected,
  next,
  readyStatus,
  samples,
  startProcess,
  until,
  untilReady,
} from './harness/service.ts';

async function startWorkers(env: Record<string, string> = {}) {
  const redis = await startRedis();
  const service = await startProcess({ REDIS_URL: redis.url, WORKERS: '2', ...env });
  await untilReady(service.operationsUrl);
  await until('both workers are ready', async () => {
    const headers = { Authorization: `Bearer ${apiKey}` };
    const answer = await fetch(`${service.operationsUrl}/v1/pods`, { headers });
    const { pods = [] } = (await answer.json()) as { pods?: { processesReady: number }[] };
    return pods[0]?.processesReady === 2;
  });
  return service;
}

/** Resolves when a handshake is answered, or its connection closed. */
function handshake(url: string): Promise<void> {
  return fetch(`${url}/socket.io/?EIO=4&transport=polling`).then(
    () => {},
    () => {},
  );
}

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

  it('keep the sessions of a browser apart that shares its connections among tabs', async () => {
    const service = await startWorkers();
    const agent = new Agent({ keepAlive: true, maxSockets: 12 });
    const options = { transports: ['polling'], agent: agent as never };
    const tabs = await Promise.all(
      Array.from({ length: 6 }, (_, i) => connected(service.connect(`user-${i}`, options))),
    );
    for (let round = 0; round < 5; round += 1) {
      for (const tab of tabs) await tab.emitWithAck('join_room', `room-${round}`);
    }
    expect(tabs.every(({ connected }) => connected)).toBe(true);
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

  it('get the whole of a request that comes in two pieces, however busy they are', async () => {
    const service = await startWorkers();
    const workers = childrenOf(service.child.pid);
    const requests = Array.from({ length: 4 }, () => connect(Number(new URL(service.url).port)));
    const answers = requests.map((request) => once(request, 'data'));
    for (const pid of workers) process.kill(pid, 'SIGSTOP');
    for (const piece of [
      'GET /socket.io/?EIO=4&transport=polling HTTP/1.1',
      '\r\nHost: x\r\n\r\n',
    ]) {
      for (const request of requests) request.write(piece);
      await sleep(200); // so that they arrive one after the other
    }
    for (const pid of workers) process.kill(pid, 'SIGCONT');
    for (const [answer] of await Promise.all(answers))
      expect(String(answer)).toMatch(/^HTTP.* 200/);
    for (const request of requests) request.destroy();
  });

  it('forget a request with a body once it is answered', async () => {
    const service = await startWorkers({ APPLICATION: 'test/harness/connections.mjs' });
    const ws = { transports: ['websocket'] };
    // One on each worker.
    const watchers = [
      await connected(service.connect('a', ws)),
      await connected(service.connect('b', ws)),
    ];
    const url = `${service.url}/socket.io/?EIO=4&transport=polling&sid=unknown`;
    const post = async () =>
      expect((await fetch(url, { method: 'POST', body: '2' })).ok).toBe(false);
    await Promise.all(Array.from({ length: 20 }, post));
    for (const watcher of watchers) {
      await until('its own is left', async () => (await watcher.emitWithAck('connections')) === 1);
    }
  });

  it('hear no more of a client once it was answered that goes on sending', async () => {
    const service = await startWorkers();
    const client = connect({ port: Number(new URL(service.url).port), allowHalfOpen: true });
    const head = 'POST /socket.io/?EIO=4&transport=polling&sid=unknown HTTP/1.1\r\nHost: x\r\n';
    client.write(`${head}Content-Length: 1000000000\r\n\r\n`);
    const closed = new Promise((resolve) => {
      client.on('error', () => {}).once('close', resolve);
    });
    await once(client, 'data');
    const sending = setInterval(() => client.write('x'.repeat(1_000)), 10);
    await closed;
    clearInterval(sending);
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
    40_000,
  );

  it('are drained by the primary, which exits 0', async () => {
    const service = await startWorkers({ DRAIN_MS_MAX: '500', ENDPOINT_DELAY_MS: '200' });
    const client = await connected(service.connect('alice', { reconnection: false }));
    const closed = next(client, 'disconnect');
    service.child.kill('SIGTERM');
    await until('readiness is off', async () => (await readyStatus(service.operationsUrl)) === 503);
    await closed;
    expect(await service.exited).toEqual([0, null]);
  });

  it('survive a Ctrl-C that reaches every process of the group', async () => {
    const service = await startWorkers({ ENDPOINT_DELAY_MS: '500' });
    const options = { reconnection: false, transports: ['websocket'] };
    const client = await connected(service.connect('alice', options));
    const signalledAt = Date.now();
    const closed = next(client, 'disconnect');
    for (const pid of [service.child.pid as number, ...childrenOf(service.child.pid)]) {
      process.kill(pid, 'SIGINT');
    }
    await closed;
    expect(Date.now() - signalledAt).toBeGreaterThanOrEqual(490);
    expect(await service.exited).toEqual([0, null]);
  });
});
