// What a client says it has received, on both engines.
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { connect } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { connected, next } from '../../../test/harness/service.ts';
import { listen } from '../../api/router.ts';
import { kinds } from './kinds.ts';

describe.each(kinds)('on %s, a client', (_, createKind) => {
  async function oneServer() {
    const adapter = await createKind();
    const http = createServer();
    const connectionStateRecovery = { maxDisconnectionDuration: 10_000, skipMiddlewares: false };
    const io = new Server(http, { adapter, connectionStateRecovery });
    const url = `http://127.0.0.1:${await listen(http, 0, '127.0.0.1')}`;
    onTestFinished(() => io.close());
    const open = async (auth = {}) => {
      const client = connect(url, { auth, forceNew: true, transports: ['websocket'] });
      onTestFinished(() => void client.disconnect());
      await connected(client);
      return client;
    };
    return { io, adapter, open };
  }

  it('that has received nothing yet is recovered, with what it missed', async () => {
    const { io, adapter, open } = await oneServer();
    const client = await open();
    expect(Reflect.get(client, '_lastOffset')).toBeUndefined();
    client.io.reconnection(false);
    const gone = next(client, 'disconnect');
    client.io.engine.close();
    await gone;
    await adapter.publish(io, 'event', [1]);
    const missed = next(client, 'event');
    const back = next(client, 'connect');
    client.connect();
    await back;
    expect(client.recovered).toBe(true);
    expect((await missed)[0]).toBe(1);
  });

  it.each([
    'abc',
    '0',
    '1234567890123456x',
    '9999999999999999',
    '0000000000000001.9999999999999999',
    '0000000000000001.1',
    '0000000000000001.0000000000000001.0000000000000001',
  ])('with the offset %s, which nobody sent, is not recovered', async (offset) => {
    const { io, adapter, open } = await oneServer();
    const client = await open();
    const seen = next(client, 'event');
    await adapter.publish(io, 'event', [1]);
    await seen;
    client.io.reconnection(false);
    client.io.engine.close();
    const back = await open({ pid: Reflect.get(client, '_pid'), offset });
    expect(back.recovered).toBe(false);
    expect(back.id).not.toBe(client.id);
  });
});
