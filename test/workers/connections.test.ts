// How connections get from the primary to a worker, and what becomes of them there.
import { once } from 'node:events';
import { Agent } from 'node:http';
import { connect } from 'node:net';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { childrenOf } from '../harness/processes.ts';
import { connected, until } from '../harness/service.ts';
import { unreadBytes } from '../harness/tcp.ts';
import { handshake, shareWorkers, startWorkers } from '../harness/workers.ts';

describe('workers', () => {
  const chatting = shareWorkers();

  it('keep the sessions of a browser apart that shares its connections among tabs', async () => {
    const service = chatting();
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

  it('get the whole of a request that comes in two pieces, however busy they are', async () => {
    const service = chatting();
    const port = Number(new URL(service.url).port);
    const workers = childrenOf(service.child.pid);
    const requests = Array.from({ length: 4 }, () => connect(port, '127.0.0.1'));
    const answers = requests.map((request) => once(request, 'data'));
    for (const pid of workers) process.kill(pid, 'SIGSTOP');
    const write = (piece: string) =>
      Promise.all(requests.map((request) => promisify(request.write.bind(request))(piece)));
    await write('GET /socket.io/?EIO=4&transport=polling HTTP/1.1');
    await until('the primary has read it', () => unreadBytes(port).every((count) => count === 0));
    await write('\r\nHost: x\r\n\r\n');
    for (const pid of workers) process.kill(pid, 'SIGCONT');
    for (const [answer] of await Promise.all(answers))
      expect(String(answer)).toMatch(/^HTTP.* 200/);
    for (const request of requests) request.destroy();
  });

  it('have a session as soon as its client knows of it', async () => {
    const service = await startWorkers({ APPLICATION: 'test/harness/connections.mjs' });
    const open = () => unreadBytes(Number(new URL(service.url).port)).length;
    const first = await connected(service.connect('alice', { transports: ['websocket'] }));
    const url = `${service.url}/socket.io/?EIO=4&transport=polling`;
    const opened = await (await fetch(`${url}&slow`)).text(); // on the other one, busy from now
    const before = open();
    first.disconnect(); // then the first is the next in turn
    await until('its connection is closed', () => open() < before);
    const { sid } = JSON.parse(opened.slice(1));
    const next = await fetch(`${url}&sid=${sid}`, { method: 'POST', body: '40' });
    expect(await next.text()).toBe('ok');
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

  it('read no more from a client that goes on sending after its answer', async () => {
    const service = chatting();
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

  it('never refuse a client in favor of each other, as no proxy could move it', async () => {
    const service = await startWorkers({ SETTLE_MS: '0', HANDSHAKES_PER_SECOND_MAX: '5' });
    const burst = Array.from({ length: 30 }, () => handshake(service.url));
    for (const status of await Promise.all(burst)) expect(status).toBe(200);
  });
});
