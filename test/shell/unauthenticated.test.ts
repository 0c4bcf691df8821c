// Connections without a token: how many there are, how long they stay, and what they may send.
import { describe, expect, it } from 'vitest';
import {
  connected,
  readyStatus,
  samples,
  startApp,
  startProcess,
  tokenFor,
  until,
  untilReady,
} from '../harness/service.ts';
import { startWorkers } from '../harness/workers.ts';
import { frame, openPolling, openSession, rawWebSocket, sessionPath } from './raw.ts';

const one = async (operationsUrl: string, name: string) =>
  (await samples(operationsUrl, name))[''] ?? 0;

describe('connections without a token', () => {
  it('take no slot of clients, and leave the replica ready', async () => {
    const service = await startProcess({ CONNECTIONS_MAX: '3' });
    await untilReady(service.operationsUrl);
    expect(new Set(await openPolling(service.url, 20))).toEqual(new Set([200]));
    expect(await readyStatus(service.operationsUrl)).toBe(200);
    for (const user of ['alice', 'bob', 'carol']) await connected(service.connect(user));
    expect(await one(service.operationsUrl, 'clients')).toBe(3);
    expect(await openPolling(service.url, 1)).toEqual([503]);
  });

  it('take no slot of clients on any worker', async () => {
    const service = await startWorkers({ CONNECTIONS_MAX: '3' });
    expect(new Set(await openPolling(service.url, 40))).toEqual(new Set([200]));
    for (let i = 0; i < 4; i += 1) await connected(service.connect(`user-${i}`));
    expect(await one(service.operationsUrl, 'clients')).toBe(4);
  });

  it('are closed after UNAUTHENTICATED_MS_MAX, whatever they do', async () => {
    const service = await startProcess({ UNAUTHENTICATED_MS_MAX: '500' });
    await untilReady(service.operationsUrl);
    const client = await connected(service.connect('alice'));
    await openPolling(service.url, 5);
    const webSocket = rawWebSocket(service.url);
    const sid = await openSession(service.url);
    const body = '42["before CONNECT"]';
    await fetch(service.url + sessionPath(sid), { method: 'POST', body }); // closes it, in time
    const refused = await openSession(service.url);
    await fetch(service.url + sessionPath(refused), { method: 'POST', body: '40{"token":"no"}' });
    await until('all are closed', async () => {
      const closed = await samples(service.operationsUrl, 'unauthenticated_closed_total');
      return (closed['reason="timeout"'] ?? 0) >= 7 && webSocket.isClosed;
    });
    await until(
      'none is left',
      async () => (await one(service.operationsUrl, 'unauthenticated_clients')) === 0,
    );
    expect(client.connected).toBe(true);
  });

  it('are closed again when their last namespace is', async () => {
    const service = await startApp({ UNAUTHENTICATED_MS_MAX: '500' });
    const webSocket = rawWebSocket(service.url);
    await until('it is open', () => webSocket.answer.includes('pingInterval'));
    webSocket.socket.write(frame(`40{"token":"${tokenFor('alice')}"}`));
    await until('it is a client', () => service.app.io.of('/').sockets.size === 1);
    webSocket.socket.write(frame('41'));
    await until('it is closed', () => webSocket.isClosed);
  });

  it('make room for newer ones, so that clients get in during a flood', async () => {
    const service = await startProcess({ UNAUTHENTICATED_MAX: '20' });
    await untilReady(service.operationsUrl);
    let flooding = true;
    const flood = async () => {
      while (flooding) await openPolling(service.url, 10);
    };
    const floods = [flood(), flood()];
    for (let i = 0; i < 5; i += 1) {
      await connected(service.connect(`user-${i}`, { transports: ['websocket'] }));
    }
    expect(await one(service.operationsUrl, 'unauthenticated_clients')).toBeLessThanOrEqual(20);
    expect(await one(service.operationsUrl, 'clients')).toBe(5);
    flooding = false;
    await Promise.all(floods);
  });

  it('may send 32 KiB at once, which is room for a token', async () => {
    const service = await startApp();
    const webSocket = rawWebSocket(service.url);
    await until('it is open', () => webSocket.answer.includes('pingInterval'));
    webSocket.socket.write(frame('40{"token":"', 100_000)); // announces more than it sends
    await until('it is closed', () => webSocket.isClosed);
    const sid = await openSession(service.url);
    const init = { method: 'POST', body: 'x'.repeat(100_000) };
    const answer = await fetch(service.url + sessionPath(sid), init);
    expect(answer.status).toBe(413);
    const alice = await connected(service.connect('alice'));
    const text = 'x'.repeat(100_000);
    await alice.emitWithAck('join_room', 'lobby');
    expect(await alice.emitWithAck('send_message', { roomId: 'lobby', text })).toMatchObject({
      ok: true,
    });
  });
});
