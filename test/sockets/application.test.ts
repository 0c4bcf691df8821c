import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  connected,
  next,
  readyStatus,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

function moduleOf(source: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'mooring-application-')), 'application.mjs');
  writeFileSync(path, source);
  return path;
}

describe('an application of one’s own', () => {
  it('replaces the built-in one and gets the same services', async () => {
    const service = await startApp({ APPLICATION: 'examples/counter.ts' });
    const [alice, bob] = [
      await connected(service.connect('alice')),
      await connected(service.connect('bob')),
    ];
    const counted = next(bob, 'counted');
    expect(await alice.emitWithAck('count', { by: 2 })).toEqual({ ok: true, count: 2 });
    expect((await counted)[0]).toEqual({ userId: 'alice', count: 2 });
    const wrong = await alice.emitWithAck('count', { by: 'two' });
    expect(wrong).toMatchObject({ ok: false, error: { code: 'invalid_payload' } });
    const builtIn = await alice.emitWithAck('join_room', 'lobby');
    expect(builtIn).toMatchObject({ ok: false, error: { code: 'unknown_event' } });
    await service.close();
    expect(service.logged).toContainEqual(
      expect.objectContaining({ msg: 'counter closed', users: 1 }),
    );
  });

  it('may register handlers on each socket, with a schema', async () => {
    const service = await startApp({
      APPLICATION: moduleOf(`
        import { z } from '${import.meta.resolve('zod')}';
        export default function application(io, { handle }) {
          io.on('connection', (socket) => {
            handle(socket, 'greet', z.object({ name: z.string() }), ({ name }, reply) =>
              reply({ ok: true, text: 'Hello ' + name + ', from ' + socket.data.user.id }),
            );
            handle(socket, 'fail', z.undefined(), async () => {
              throw new Error('on purpose');
            });
          });
        }`),
    });
    const alice = await connected(service.connect('alice'));
    const greeted = await alice.emitWithAck('greet', { name: 'Bob' });
    expect(greeted).toEqual({ ok: true, text: 'Hello Bob, from alice' });
    const wrong = await alice.emitWithAck('greet', {});
    expect(wrong).toMatchObject({ ok: false, error: { code: 'invalid_payload' } });
    expect(await alice.emitWithAck('fail')).toMatchObject({ error: { code: 'internal' } });
  });

  it('may be plain JavaScript that uses history and access with sockets of its own', async () => {
    const service = await startApp({
      APPLICATION: moduleOf(`
        export default function (io, { history, access, log, metrics }) {
          io.on('connection', (socket) => {
            socket.on('say', async (text, reply) => {
              const allowed = await access(socket.data.user, 'den');
              if (!allowed.ok) return reply(allowed);
              const draft = { roomId: 'den', userId: socket.data.user.id, text };
              await history.publish(io.to('den'), 'said', draft);
              reply((await history.read('den', { limit: 1 })).messages[0].text);
            });
          });
        }`),
      ROOM_ACCESS: 'claims',
    });
    const alice = await connected(service.connect({ sub: 'alice', rooms: ['den'] }));
    expect(await alice.emitWithAck('say', 'hello')).toBe('hello');
    const bob = await connected(service.connect('bob'));
    expect(await bob.emitWithAck('say', 'x')).toMatchObject({ error: { code: 'access_denied' } });
  });

  it('that throws in a callback is named, and the process drains and exits', async () => {
    const service = await startProcess({
      APPLICATION: moduleOf(`
        export default function (io) {
          io.on('connection', (socket) => {
            socket.on('explode', () => {
              setImmediate(() => {
                throw new Error('on purpose, in a callback');
              });
            });
          });
        }`),
      LOG_LEVEL: 'error',
      ENDPOINT_DELAY_MS: '1000',
    });
    await untilReady(service.operationsUrl);
    const options = { reconnection: false, transports: ['websocket'] };
    const client = await connected(service.connect('alice', options));
    const closed = next(client, 'disconnect');
    client.emit('explode');
    await until('it is not ready', async () => (await readyStatus(service.operationsUrl)) === 503);
    expect(client.connected).toBe(true); // until the drain closes it
    expect((await closed)[0]).toBe('transport close');
    expect(await service.exited).toEqual([1, null]);
    const [line = '{}'] = service.output().split('\n');
    expect(JSON.parse(line)).toMatchObject({
      msg: 'uncaught exception; draining, then exiting',
      handler: 'explode',
      err: { message: 'on purpose, in a callback' },
    });
  });

  it.each([
    ['is not there', () => '/nowhere/app.js', /^APPLICATION \/nowhere\/app.js: file not found/],
    [
      'exports no function',
      () => moduleOf('export default 1'),
      /^APPLICATION .*: the default export must be a func/,
    ],
    [
      'imports what is not there',
      () => moduleOf("import 'nowhere'"),
      /^Error: .* cannot be loaded/,
    ],
  ])('that %s ends the start', async (_, path, text) => {
    const service = await startProcess({ APPLICATION: path() });
    expect((await service.exited)[0]).toBe(1);
    expect(service.output()).toMatch(text);
  });
});
