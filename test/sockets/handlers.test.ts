import { describe, expect, it } from 'vitest';
import { connected, next, samples, startApp, until } from '../harness/service.ts';

describe('handlers of an application', () => {
  it('that throw or reject are logged, counted and answered', async () => {
    const service = await startApp();
    service.app.io.on('connection', (socket) => {
      socket.on('throws', () => {
        throw new Error('on purpose');
      });
      socket.on('rejects', async () => {
        throw new Error('on purpose, later');
      });
      socket.on('disconnecting', () => {
        throw new Error('on purpose, at the end');
      });
    });
    const client = await connected(service.connect('alice'));
    for (const event of ['throws', 'rejects']) {
      const reply = await client.emitWithAck(event);
      expect(reply).toMatchObject({ ok: false, error: { code: 'internal', retryable: false } });
    }
    const error = next(client, 'error');
    client.emit('throws');
    expect((await error)[0]).toBe('Internal error');
    client.disconnect();
    const failures = async () =>
      (await samples(service.operationsUrl, 'background_failures_total'))['stage="handler"'];
    await until('all are counted', async () => (await failures()) === 4);
    expect(service.logged.some(({ stage }) => stage === 'handler')).toBe(true);
  });

  it('can be removed again, also those that run once', async () => {
    const service = await startApp();
    const calls: string[] = [];
    service.app.io.on('connection', (socket) => {
      const removed = () => calls.push('removed');
      socket.on('event', removed);
      socket.off('event', removed);
      socket.once('event', () => calls.push('once'));
      socket.on('event', (reply: () => void) => reply());
    });
    const client = await connected(service.connect('alice'));
    await client.emitWithAck('event');
    await client.emitWithAck('event');
    expect(calls).toEqual(['once']);
  });
});

it('heartbeats follow the settings', async () => {
  const service = await startApp({ PING_INTERVAL_MS: '1000', PING_TIMEOUT_MS: '1500' });
  const handshake = await fetch(`${service.url}/socket.io/?EIO=4&transport=polling`);
  const opened = JSON.parse((await handshake.text()).slice(1));
  expect(opened).toMatchObject({ pingInterval: 1_000, pingTimeout: 1_500 });
  const client = await connected(service.connect('alice'));
  await new Promise<void>((resolve) => client.io.once('ping', resolve));
});
