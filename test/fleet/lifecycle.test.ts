import { once } from 'node:events';
import { request } from 'node:http';
import { describe, expect, it, onTestFinished } from 'vitest';
import { childrenOf } from '../harness/processes.ts';
import {
  connected,
  next,
  readyStatus,
  samples,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

/** The status of an HTTP request, or of an answer to a WebSocket upgrade. */
function statusOf(url: string, headers: Record<string, string> = {}): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { headers }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on('upgrade', (_, socket) => {
      socket.destroy();
      resolve(101);
    });
    sent.on('error', reject);
    sent.end();
  });
}

const upgrade = {
  connection: 'upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
/** A WebSocket whose client answers nothing any more, not even a close. */
async function openAndFallSilent(url: string): Promise<void> {
  const sent = request(url, { headers: upgrade }).end();
  const [, socket] = await once(sent, 'upgrade');
  onTestFinished(() => socket.destroy());
}

const polling = (url: string) => `${url}/socket.io/?EIO=4&transport=polling`;
const webSocket = (url: string) => `${url}/socket.io/?EIO=4&transport=websocket`;

describe('shutdown', () => {
  it('spreads the closes, so that clients come back one by one, and exits 0', async () => {
    const service = await startProcess({ DRAIN_MS_MAX: '1000', ENDPOINT_DELAY_MS: '1000' });
    await untilReady(service.operationsUrl);
    const reasons: string[] = [];
    const clients = Array.from({ length: 40 }, () =>
      service.connect('alice', { transports: ['websocket'], reconnection: false }),
    );
    for (const client of clients) client.on('disconnect', (reason) => reasons.push(reason));
    await Promise.all(clients.map(connected));
    service.child.kill('SIGTERM');
    await until('readiness is off', async () => (await readyStatus(service.operationsUrl)) === 503);
    expect(reasons).toEqual([]); // proxies learn first
    const healthy = await fetch(`${service.operationsUrl}/healthz`);
    expect(healthy.status).toBe(200);
    expect(await samples(service.operationsUrl, 'draining')).toEqual({ '': 1 });
    let servedMeanwhile = 0;
    while (reasons.length < 40) {
      const { length: closed } = reasons;
      await until('the next one is closed', () => reasons.length > closed);
      const open = clients.find((client) => client.connected);
      const served = await open
        ?.timeout(500)
        .emitWithAck('join_room', 'lobby')
        .catch(() => {});
      if (served?.ok) servedMeanwhile += 1;
    }
    expect(servedMeanwhile).toBeGreaterThan(3);
    expect((await service.exited)[0]).toBe(0);
    expect(new Set(reasons)).toEqual(new Set(['transport close'])); // after which clients return
  });

  it('does not wait for the drain with nobody connected', async () => {
    const service = await startProcess({ DRAIN_MS_MAX: '600000' }, []);
    await untilReady(service.operationsUrl);
    service.child.kill('SIGINT');
    expect(await service.exited).toEqual([0, null]);
  });

  it('closes polling before proxies cut it off, while everything else goes on', async () => {
    const service = await startProcess({ DRAIN_MS_MAX: '1000', ENDPOINT_DELAY_MS: '600000' });
    await untilReady(service.operationsUrl);
    const options = { transports: ['polling'], reconnection: false };
    const client = await connected(service.connect('alice', options));
    const other = await connected(service.connect('bob', { transports: ['websocket'] }));
    service.child.kill('SIGTERM');
    await next(client, 'disconnect');
    expect(await other.emitWithAck('join_room', 'lobby')).toMatchObject({ ok: true });
  });

  it.each(['websocket', 'polling'])('does not wait for a client that is gone: %s', async (name) => {
    const never = { PING_INTERVAL_MS: '300000', PING_TIMEOUT_MS: '300000' };
    const service = await startProcess({ DRAIN_MS_MAX: '1000', ...never });
    await untilReady(service.operationsUrl);
    if (name === 'polling')
      await fetch(polling(service.url)); // and never polls
    else await openAndFallSilent(webSocket(service.url));
    service.child.kill('SIGTERM');
    expect(await service.exited).toEqual([0, null]);
  });

  it('ends at once on a second signal', async () => {
    const service = await startProcess({ ENDPOINT_DELAY_MS: '600000' });
    await untilReady(service.operationsUrl);
    service.child.kill('SIGTERM');
    await until('it drains', async () => (await readyStatus(service.operationsUrl)) === 503);
    service.child.kill('SIGTERM');
    expect((await service.exited)[0]).toBe(143);
  });

  it.runIf(process.getuid?.() === 0)(
    'works as PID 1, whatever an application leaves running',
    async () => {
      const unshare = ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child'];
      const service = await startProcess({ APPLICATION: 'test/harness/ticking.ts' }, unshare);
      await untilReady(service.operationsUrl);
      for (const pid of childrenOf(service.child.pid)) process.kill(pid, 'SIGTERM');
      expect(await service.exited).toEqual([0, null]);
    },
  );
});

describe('admission', () => {
  it('answers a real 503 to handshakes while draining, never to an open session', async () => {
    const service = await startProcess({ ENDPOINT_DELAY_MS: '60000' });
    await untilReady(service.operationsUrl);
    const client = await connected(service.connect('alice', { transports: ['websocket'] }));
    const handshake = await (await fetch(polling(service.url))).text();
    const { sid } = JSON.parse(handshake.slice(1));
    service.child.kill('SIGTERM');
    await until('it drains', async () => (await readyStatus(service.operationsUrl)) === 503);
    const refused = await fetch(polling(service.url));
    expect(refused.status).toBe(503);
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(await statusOf(webSocket(service.url), upgrade)).toBe(503);
    expect(await statusOf(`${polling(service.url)}&sid=${sid}`)).not.toBe(503);
    expect(client.connected).toBe(true);
    const refusals = await samples(service.operationsUrl, 'refusals_total');
    expect(refusals['code="draining"']).toBe(2);
  });

  it('refuses above the limit of connections, and takes clients again below it', async () => {
    const service = await startApp({ CONNECTIONS_MAX: '2' });
    const first = await connected(service.connect('alice'));
    await connected(service.connect('bob'));
    expect(await statusOf(polling(service.url))).toBe(503);
    expect(await statusOf(webSocket(service.url), upgrade)).toBe(503);
    for (const more of ['&sid=', '&sid=a&sid=', '&a=?']) {
      expect(await statusOf(polling(service.url) + more)).toBe(503);
    }
    expect(await statusOf(polling(service.url).replace('?', '?a=?&'))).toBe(503);
    const state = await fetch(`${service.operationsUrl}/readyz`);
    expect(await state.json()).toEqual({ ready: false, live: true, reason: 'over_capacity' });
    first.disconnect();
    await until('ready again', async () => (await readyStatus(service.operationsUrl)) === 200);
    expect(await statusOf(polling(service.url))).toBe(200);
  });

  it('leaves what is not a handshake alone', async () => {
    const service = await startApp({ CONNECTIONS_MAX: '1', PAGE: 'on' });
    await connected(service.connect('alice', { transports: ['websocket'] }));
    expect(await statusOf(`${service.url}/socket.io/socket.io.esm.min.js`)).toBe(200);
    expect(await statusOf(`${service.url}/page.json`)).toBe(200);
    expect(await statusOf(`${service.url}/nothing`)).toBe(404);
  });
});
