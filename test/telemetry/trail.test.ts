// What happened to one user, in the log at debug and in a live trace of real replicas.
import { describe, expect, it } from 'vitest';
import { createOrder } from '../../service/cli/trace/order.ts';
import type { TrailEvent } from '../../service/telemetry/trail/event.ts';
import { sessionIdOf } from '../../service/telemetry/trail/subject.ts';
import { trailLimits } from '../../service/telemetry/trail/trail.ts';
import { post } from '../harness/backend.ts';
import { sendTo } from '../harness/moving.ts';
import { startRedis } from '../harness/redis.ts';
import {
  connected,
  next,
  startApp,
  startProcess,
  tokenFor,
  until,
  untilReady,
} from '../harness/service.ts';
import { readTrace, startTrace } from '../harness/trace.ts';
import { startWorkers } from '../harness/workers.ts';

const secretText = 'text-that-nobody-may-log';

async function startReplicas(env: Record<string, string> = {}) {
  const { url } = await startRedis();
  const start = async (POD_NAME: string) => {
    const service = await startApp({ REDIS_URL: url, POD_NAME, TRACE: 'on', ...env });
    await untilReady(service.operationsUrl);
    return service;
  };
  return Promise.all([start('a'), start('b'), start('c')]);
}

/** As the command line shows them. */
function byTime(events: TrailEvent[]): TrailEvent[] {
  const order = createOrder();
  order.add(events);
  return order.take();
}

describe('a trace of one user', () => {
  it('tells connect, loss, publish, recovery and delivery in order, with one session', async () => {
    const [a, b, c] = await startReplicas();
    const trace = await startTrace(c.operationsUrl, 'alice', 3);
    const token = tokenFor('alice');
    const alice = await connected(a.connect('alice', { token, reconnection: false }));
    await connected(a.connect('bob'));
    await alice.emitWithAck('join_room', 'lobby');
    await alice.emitWithAck('send_message', { roomId: 'lobby', text: secretText });
    await until('the third replica knows that alice is in the room', async () => {
      await post(c.operationsUrl, 'publish', { rooms: ['lobby'], event: 'early', data: 1 });
      await trace.read();
      return trace.matching({ type: 'published', event: 'early' }).length > 0;
    });
    sendTo(alice, b.url);
    alice.io.engine.close();
    await trace.told({ type: 'disconnected' });
    const missed = { rooms: ['lobby'], event: 'offer', data: secretText };
    expect((await post(c.operationsUrl, 'publish', missed)).status).toBe(202);
    const offered = next(alice, 'offer');
    alice.connect();
    await offered;
    expect(alice.recovered).toBe(true);
    const live = { users: ['alice'], event: 'notice', data: secretText };
    const noticed = next(alice, 'notice');
    await post(c.operationsUrl, 'publish', live);
    await noticed;
    const notice = await trace.told({ type: 'published', event: 'notice' });
    await trace.told({ type: 'delivered', messageId: notice.messageId });

    const socketId = alice.id;
    const { sessionId } = await trace.told({ type: 'connected' });
    expect(sessionId).toMatch(/^[\da-f]{12}$/);
    const about = { userId: 'alice', socketId, sessionId, namespace: '/' };
    const offer = await trace.told({ type: 'published', event: 'offer' });
    const sent = await trace.told({ type: 'published', event: 'new_message' });
    const { messageId } = offer;
    const recovery = { type: 'recovery', result: 'recovered', replayed: 1 };
    const told = [
      { ...about, type: 'connected', pod: 'a', transport: 'polling', recovered: false },
      { ...about, type: 'joined', pod: 'a', room: 'room:lobby' },
      { type: 'published', pod: 'a', event: 'new_message', rooms: ['room:lobby'], targets: 1 },
      { ...about, type: 'delivered', pod: 'a', messageId: sent.messageId },
      { ...about, type: 'disconnected', pod: 'a', reason: 'transport close' },
      { type: 'published', pod: 'c', event: 'offer', messageId, rooms: ['room:lobby'] },
      { ...about, ...recovery, pod: 'b' },
      { ...about, type: 'delivered', pod: 'b', messageId, missed: true },
      { ...about, type: 'connected', pod: 'b', recovered: true },
      { type: 'published', pod: 'c', event: 'notice', rooms: ['user:alice'] },
      { ...about, type: 'delivered', pod: 'b', messageId: notice.messageId },
    ];
    const wanted = [undefined, sent.messageId, messageId, notice.messageId];
    const others = ['following', 'delivered'];
    const events = byTime(trace.events).filter(
      (event) =>
        wanted.includes(event.messageId) && (event.messageId || !others.includes(event.type)),
    );
    expect(events).toMatchObject(told);
    expect(JSON.stringify(trace.events)).not.toContain('bob');
    const pid = String(Reflect.get(alice, '_pid'));
    for (const secret of [secretText, token, pid]) {
      expect(JSON.stringify(trace.events)).not.toContain(secret);
    }
  });

  it('begins with where the user is connected already', async () => {
    const [a, b] = await startReplicas();
    const alice = await connected(a.connect('alice'));
    await alice.emitWithAck('join_room', 'lobby');
    const trace = await startTrace(b.operationsUrl, 'alice', 3);
    expect(await trace.told({ type: 'present' })).toMatchObject({ pod: 'a', socketId: alice.id });
    const sockets = trace
      .matching({ type: 'following' })
      .map((event) => [event.pod, event.sockets]);
    expect(sockets.sort()).toEqual([
      ['a', 1],
      ['b', 0],
      ['c', 0],
    ]);
  });

  it('tells of a session that could not be recovered, which one, and why', async () => {
    const [a, b] = await startReplicas();
    const trace = await startTrace(b.operationsUrl, 'bob', 3);
    const alice = await connected(a.connect('alice'));
    const pid = String(Reflect.get(alice, '_pid'));
    const auth = { token: tokenFor('bob'), pid, offset: secretText };
    await connected(b.connect('bob', { auth }));
    const recovery = await trace.told({ type: 'recovery', result: 'refused' });
    expect(recovery).toMatchObject({ userId: 'bob', sessionId: sessionIdOf(pid), replayed: 0 });
    expect(recovery).not.toHaveProperty('offset'); // it is no message id
    const { sessionId } = await trace.told({ type: 'connected', recovered: false });
    expect(sessionId).not.toBe(recovery.sessionId);
  });

  it('tells what is published to everybody, and names ten rooms of many', async () => {
    const [a, b] = await startReplicas();
    await connected(a.connect('alice'));
    const trace = await startTrace(b.operationsUrl, 'alice', 3);
    await until('every process knows where alice is', async () => {
      await post(b.operationsUrl, 'publish', { everyone: true, event: 'all', data: 1 });
      await trace.read();
      return trace.matching({ type: 'published', event: 'all' }).length > 0;
    });
    expect(trace.matching({ event: 'all' })[0]).toMatchObject({ rooms: [], targets: 0 });
    const rooms = Array.from({ length: trailLimits.roomsNamedMax + 2 }, (_, i) => `r${i}`);
    await post(b.operationsUrl, 'publish', { rooms, users: ['alice'], event: 'many', data: 1 });
    const many = await trace.told({ type: 'published', event: 'many' });
    expect([many.rooms?.length, many.targets]).toEqual([10, 13]);
  });

  it('keeps what happens while Redis is unavailable', async () => {
    const redis = await startRedis();
    const { operationsUrl, connect } = await startApp({ REDIS_URL: redis.url, TRACE: 'on' });
    await untilReady(operationsUrl);
    const { id } = await startTrace(operationsUrl, 'alice', 1);
    const alice = await connected(connect('alice'));
    await redis.kill();
    await until('it is unavailable', async () => {
      return (await readTrace(operationsUrl, id)).status === 503;
    });
    alice.disconnect();
    await redis.start();
    await until('the disconnect is told', async () => {
      const { status, events } = await readTrace(operationsUrl, id);
      return status === 200 && events.some(({ type }) => type === 'disconnected');
    });
  });

  it('ends cleanly when the replica that passes events on drains', async () => {
    const { url } = await startRedis();
    const start = async (POD_NAME: string) => {
      const service = await startProcess({ REDIS_URL: url, POD_NAME, TRACE: 'on' });
      await untilReady(service.operationsUrl);
      return service;
    };
    const [a, b] = await Promise.all([start('a'), start('b')]);
    const trace = await startTrace(b.operationsUrl, 'alice', 2);
    const { id } = await connected(a.connect('alice', { reconnection: false }));
    a.child.kill('SIGTERM');
    expect(await a.exited).toEqual([0, null]);
    await trace.told({ type: 'disconnected', pod: 'a', socketId: id });
  });
});

describe('a trace of a replica with workers', () => {
  it('goes through the operations port of the primary', async () => {
    const service = await startWorkers({ TRACE: 'on' });
    const trace = await startTrace(service.operationsUrl, 'alice', 2);
    const transports = ['websocket'];
    const clients = [1, 2, 3, 4].map(() => service.connect('alice', { transports }));
    for (const client of clients) await connected(client);
    await trace.told({ type: 'connected' }, clients.length);
    await post(service.operationsUrl, 'publish', { users: ['alice'], event: 'offer', data: 1 });
    const { messageId } = await trace.told({ type: 'published', event: 'offer' });
    await trace.told({ type: 'delivered', messageId }, clients.length);
  });
});

describe('the log at debug', () => {
  it('has user, socket, session and message in the lines of a connection', async () => {
    const { url } = await startRedis();
    const service = await startApp({ REDIS_URL: url, LOG_LEVEL: 'debug' });
    await untilReady(service.operationsUrl);
    const token = tokenFor('alice');
    const alice = await connected(service.connect('alice', { token, reconnection: false }));
    const lineOf = (msg: string, more: object = {}) =>
      service.logged.find(
        (line) =>
          line.msg === msg && Object.entries(more).every(([name, value]) => line[name] === value),
      );
    const notice = (event: string) =>
      post(service.operationsUrl, 'publish', { users: ['alice'], event, data: secretText });
    const heard = next(alice, 'first');
    await notice('first');
    await heard;
    alice.io.engine.close();
    await until('it is missed', () => lineOf('disconnected') !== undefined);
    const missed = next(alice, 'second');
    await notice('second');
    alice.connect();
    await missed;
    alice.disconnect();
    const reason = 'client namespace disconnect';
    await until('it has left', () => lineOf('disconnected', { reason }) !== undefined);

    const socketId = lineOf('connected')?.socketId;
    const sessionId = lineOf('connected')?.sessionId;
    const about = { userId: 'alice', socketId, sessionId, namespace: '/' };
    const second = lineOf('published', { event: 'second' });
    expect(second).toMatchObject({ rooms: ['user:alice'], messageId: expect.any(String) });
    const { messageId } = second ?? {};
    const offset = lineOf('published', { event: 'first' })?.messageId;
    const recovered = { result: 'recovered', replayed: 1, offset };
    expect(lineOf('connected', { recovered: true })).toMatchObject(about);
    expect(lineOf('recovery ended')).toMatchObject({ ...about, ...recovered });
    expect(lineOf('delivered', { messageId: offset })).toMatchObject(about);
    expect(lineOf('delivered', { messageId })).toMatchObject({ ...about, missed: true });
    expect(lineOf('disconnected', { reason })).toMatchObject(about);
    const pid = String(Reflect.get(alice, '_pid'));
    const log = JSON.stringify(service.logged);
    for (const secret of [secretText, token, pid]) expect(log).not.toContain(secret);
  });

  it('alone tells of single messages: there is nothing of them at info', async () => {
    const { url } = await startRedis();
    const service = await startApp({ REDIS_URL: url, TRACE: 'on' });
    await untilReady(service.operationsUrl);
    const alice = await connected(service.connect('alice'));
    await alice.emitWithAck('join_room', 'lobby');
    const messages = service.logged.map(({ msg }) => msg);
    for (const words of ['connected', 'delivered', 'published', 'room joined']) {
      expect(messages).not.toContain(words);
    }
  });
});
