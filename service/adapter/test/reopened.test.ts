// A server that is closed, and then listens again.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { connect } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connected, next, until } from '../../../test/harness/service.ts';
import { listen } from '../../api/router.ts';
import { kinds } from './kinds.ts';

describe.each(kinds)('a server on %s that was closed', (_, createKind) => {
  /** A server that has been closed once, and listens again. */
  async function reopened(namespace = '/') {
    const adapter = await createKind();
    const connectionStateRecovery = { maxDisconnectionDuration: 10_000, skipMiddlewares: false };
    const io = new Server({ adapter, connectionStateRecovery });
    const attach = async () => {
      const http = createServer();
      io.attach(http);
      return `http://127.0.0.1:${await listen(http, 0, '127.0.0.1')}`;
    };
    const open = async () => {
      const url = (await attach()) + namespace;
      const client = connect(url, { forceNew: true, transports: ['websocket'] });
      onTestFinished(() => void client.disconnect());
      await connected(client);
      return client;
    };
    if (namespace !== '/') io.of(/^\/dynamic-\d+$/);
    const before = await open();
    before.io.reconnection(false);
    await io.close();
    onTestFinished(() => io.close());
    return { io, adapter, client: await open() };
  }

  it.each(['/', '/dynamic-1'])('serves clients of %s when it listens again', async (namespace) => {
    const { io, client } = await reopened(namespace);
    const got = next(client, 'event');
    const nsp = io.of(namespace);
    expect(nsp.sockets.size).toBe(1);
    await nsp.sockets.values().next().value?.join('room');
    nsp.to('room').emit('event', 1);
    expect((await got)[0]).toBe(1);
    const back = next(client, 'connect');
    const missed = next(client, 'event');
    client.io.engine.close();
    await until('it is noticed', () => nsp.sockets.size === 0);
    nsp.to('room').emit('event', 2);
    await back;
    expect(client.recovered).toBe(true);
    expect((await missed)[0]).toBe(2);
  });

  it('calls each connection handler once', async () => {
    const { io, client } = await reopened();
    let calls = 0;
    io.on('connection', () => {
      calls += 1;
    });
    const back = next(client, 'connect');
    client.io.engine.close();
    await back;
    expect(calls).toBe(1);
  });

  it('publishes before a client connects', async () => {
    const { io, adapter } = await reopened();
    await io.close();
    io.attach(createServer());
    const outcome = await adapter.publish(io, 'event', []);
    expect(outcome?.first).toBe(true);
  });
});
