// Events that an application registers once for a namespace.
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import type { Register } from '../../service/application/index.ts';
import { refreshToken } from '../../service/auth/refresh.ts';
import { type ClientEvent, defineEvent } from '../../service/protocol/events.ts';
import { connected, next, samples, startApp, until } from '../harness/service.ts';

const description = 'For a test.';
const none = z.undefined();

const ping = defineEvent('ping_me', none, { description }, (_, reply) => reply({ ok: true }));

/** An app on which `register` can be called from a test. */
async function startWith(env: Record<string, string> = {}) {
  const service = await startApp(env);
  const register: Register = service.app.register;
  return { ...service, register, io: service.app.io };
}

describe('registered events', () => {
  it('are given payload, reply, socket and what they were registered with', async () => {
    const { io, register, connect } = await startWith();
    const add = defineEvent(
      'add',
      z.object({ by: z.int() }),
      { description },
      ({ by }, reply, socket, { total }: { total: number }) =>
        reply({ ok: true, total: total + by, userId: socket.data.user.id }),
    );
    register(io, [add], { total: 40 });
    const alice = await connected(connect('alice'));
    expect(await alice.emitWithAck('add', { by: 2 })).toEqual({
      ok: true,
      total: 42,
      userId: 'alice',
    });
    const wrong = await alice.emitWithAck('add', { by: 'two' });
    expect(wrong).toMatchObject({ ok: false, error: { code: 'invalid_payload' } });
    expect(wrong.error.message).toMatch(/^Invalid payload: by expected/);
  });

  it('may be plain objects', async () => {
    const { io, register, connect } = await startWith();
    const plain: ClientEvent = {
      name: 'plain',
      schema: none,
      description,
      handler: (_, reply) => reply({ ok: true }),
    };
    register(io, [plain]);
    const alice = await connected(connect('alice'));
    expect(await alice.emitWithAck('plain')).toEqual({ ok: true });
  });

  it('cost a connection no listeners', async () => {
    const { io, connect } = await startWith();
    await connected(connect('alice'));
    const [socket] = io.sockets.sockets.values();
    expect(socket?.eventNames().sort()).toEqual(['disconnect', 'error']);
  });

  it('that throw or reject are logged, counted and answered', async () => {
    const { io, register, connect, operationsUrl } = await startWith();
    const fail = () => {
      throw new Error('on purpose');
    };
    const events = [
      defineEvent('throws', none, { description }, fail),
      defineEvent('rejects', none, { description }, async () => fail()),
      defineEvent('schema_throws', z.any().refine(fail), { description }, () => {}),
    ];
    register(io, events);
    const alice = await connected(connect('alice'));
    for (const { name } of events) {
      const reply = await alice.emitWithAck(name);
      expect(reply).toMatchObject({ ok: false, error: { code: 'internal' } });
      const error = next(alice, 'error');
      alice.emit(name);
      expect((await error)[1]).toEqual({ code: 'internal', event: name, retryable: false });
    }
    const failures = await samples(operationsUrl, 'background_failures_total');
    expect(failures['stage="handler"']).toBe(6);
    const received = await samples(operationsUrl, 'messages_received_total');
    expect(received).toMatchObject({ 'event="throws"': 2, 'event="rejects"': 2 });
  });

  it('run after the middlewares of their socket, and not when one refuses', async () => {
    const { io, register, connect } = await startWith();
    const seen: string[] = [];
    const record = defineEvent('record', none, { description }, (_, reply) => {
      seen.push('handler');
      reply({ ok: true });
    });
    register(io, [record, ping]);
    io.on('connection', (socket) => {
      socket.use(([event], pass) => {
        seen.push(`middleware ${event}`);
        pass(event === 'ping_me' ? new Error('refused') : undefined);
      });
    });
    const alice = await connected(connect('alice'));
    alice.emit('ping_me', () => seen.push('answer'));
    await alice.emitWithAck('record');
    expect(seen).toEqual(['middleware ping_me', 'middleware record', 'handler']);
  });

  it('are handled in every child of a dynamic namespace', async () => {
    const { io, register, connect } = await startWith();
    register(io.of(/^\/game-\d+$/), [ping]);
    for (const namespace of ['/game-1', '/game-2']) {
      const alice = await connected(connect('alice', { namespace }));
      expect(await alice.emitWithAck('ping_me')).toEqual({ ok: true });
    }
    const outside = await connected(connect('alice'));
    expect(await outside.emitWithAck('ping_me')).toMatchObject({
      error: { code: 'unknown_event' },
    });
  });

  it('cannot be registered twice, nor under a name of Socket.IO or of the platform', async () => {
    const { io, register } = await startWith();
    register(io, [ping]);
    expect(() => register(io, [ping])).toThrow('ping_me is registered twice');
    const reserved = defineEvent('disconnect', none, { description }, () => {});
    expect(() => register(io, [reserved])).toThrow('reserves the event disconnect');
    expect(() => register(io, [refreshToken], {} as never)).toThrow(
      'refresh_token is registered twice',
    );
  });
});

describe('an event with a limit of its own', () => {
  const limited = defineEvent(
    'limited',
    none,
    { description, limit: { perSecondMax: 1 } },
    (_, reply) => reply({ ok: true }),
  );

  it('is refused above it, while other events are served', async () => {
    const { io, register, connect } = await startWith();
    register(io, [limited, ping]);
    const alice = await connected(connect('alice'));
    const replies = await Promise.all(
      Array.from({ length: 20 }, () => alice.emitWithAck('limited')),
    );
    const refused = replies.filter(({ ok }) => !ok);
    expect(replies.slice(0, 5).every(({ ok }) => ok)).toBe(true);
    expect(refused.length).toBeGreaterThan(5);
    expect(refused[0].error).toMatchObject({ code: 'rate_limited', retryable: true });
    expect(await alice.emitWithAck('ping_me')).toEqual({ ok: true });
    const bob = await connected(connect('bob')); // a socket of its own has a limit of its own
    expect(await bob.emitWithAck('limited')).toEqual({ ok: true });
    const again = async () => (await alice.emitWithAck('limited')).ok;
    await until('it is served again', again);
  });
});
