// What a review found: each of these ended a process, filled it, or got past a limit.
import { connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import {
  connected,
  next,
  samples,
  startApp,
  startProcess,
  tokenFor,
  until,
  untilReady,
} from '../harness/service.ts';

describe('a client', () => {
  it('that connects and says nothing does not hold up the shutdown', async () => {
    const service = await startProcess();
    await untilReady(service.operationsUrl);
    const { port } = new URL(service.url);
    const silent = connect(Number(port), '127.0.0.1');
    await new Promise((resolve) => silent.once('connect', resolve));
    service.child.kill('SIGTERM');
    expect(await service.exited).toEqual([0, null]);
    silent.destroy();
  });

  it('gets one socket for a namespace, however many CONNECTs it sends at once', async () => {
    const service = await startApp();
    const url = `${service.url}/socket.io/?EIO=4&transport=polling`;
    const { sid } = JSON.parse((await (await fetch(url)).text()).slice(1));
    const packet = `40${JSON.stringify({ token: tokenFor('alice') })}`;
    const body = Array.from({ length: 50 }, () => packet).join('\x1e');
    await fetch(`${url}&sid=${sid}`, { method: 'POST', body }).catch(() => {});
    const other = await connected(service.connect('bob'));
    expect(other.connected).toBe(true);
    await until('it is closed', () => service.app.io.of('/').sockets.size === 1);
  });

  it.each(['/socket.io/?EIO=4&transport=polling&sid=', '/socket.io/x?EIO=4&transport=polling'])(
    'is not admitted to a full replica by %s',
    async (path) => {
      const service = await startApp({ CONNECTIONS_MAX: '1' });
      await connected(service.connect('alice', { transports: ['websocket'] }));
      expect((await fetch(service.url + path)).status).toBe(503);
    },
  );

  it('that floods events without acknowledgement gets few errors', async () => {
    const service = await startApp({ EVENTS_PER_SECOND_MAX: '1' });
    const client = await connected(service.connect('mallory', { transports: ['websocket'] }));
    let errors = 0;
    client.on('error', () => {
      errors += 1;
    });
    for (let i = 0; i < 1_000; i += 1) client.emit('nothing');
    await until('it is limited', async () => {
      const refused = await samples(service.operationsUrl, 'messages_received_total');
      return refused['event="unknown"'] === 1_000;
    });
    expect(errors).toBeLessThan(10);
  });

  it('keeps the namespace whose token was refreshed', async () => {
    const service = await startApp();
    const token = tokenFor({ sub: 'root', role: 'admin' }, 2);
    const main = await connected(service.connect('root', { token }));
    const admin = await connected(main.io.socket('/admin', { auth: { token } }));
    expect(await main.emitWithAck('refresh_token', tokenFor('root'))).toMatchObject({ ok: true });
    await next(admin, 'disconnect');
    expect(main.connected).toBe(true);
  });
});

describe('an application', () => {
  it('cannot end the process from a dynamic namespace', async () => {
    const service = await startApp();
    const fail = () => {
      throw new Error('on purpose');
    };
    service.app.io.of(/^\/dynamic-/).on('connection', fail);
    service.app.io.of(/^\/refusing-/).use(fail);
    await connected(service.connect('alice', { namespace: '/dynamic-1' }));
    const client = service.connect('alice', { namespace: '/refusing-1' });
    expect(((await next(client, 'connect_error'))[0] as Error).message).toBe('Internal error');
    const failures = async () =>
      (await samples(service.operationsUrl, 'background_failures_total'))['stage="handler"'];
    await until('it is counted', async () => (await failures()) === 2);
  });

  it('cannot end the process, wherever its code throws', async () => {
    const service = await startApp();
    const fail = () => {
      throw new Error('on purpose');
    };
    service.app.io.of('/a').on('connection', fail);
    service.app.io.of('/b').use(fail);
    service.app.io.of('/c').on('connection', (socket) => {
      socket.onAny(fail);
      socket.on('ping_me', (reply: (text: string) => void) => reply('pong'));
    });
    await connected(service.connect('alice', { namespace: '/a' }));
    const [error] = await next(service.connect('alice', { namespace: '/b' }), 'connect_error');
    expect((error as Error).message).toBe('Internal error');
    const client = await connected(service.connect('alice', { namespace: '/c' }));
    expect(await client.emitWithAck('ping_me')).toBe('pong');
  });
});
