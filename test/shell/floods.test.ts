// Floods of one connection: it is slowed down, then closed, and nobody else notices.
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
import { startWorkers } from '../harness/workers.ts';
import { frame, openSession, rawWebSocket, sessionPath } from './raw.ts';

const packetOf = (user: string) => `40${JSON.stringify({ token: tokenFor(user) })}`;

async function rawClient(url: string, user: string) {
  const webSocket = rawWebSocket(url);
  await until('it is open', () => webSocket.answer.includes('pingInterval'));
  webSocket.socket.write(frame(packetOf(user)));
  await until('it is welcome', () => webSocket.answer.includes('"welcome"'));
  return webSocket;
}

const limited = async (operationsUrl: string, action: string) =>
  (await samples(operationsUrl, 'flow_limited_total'))[`action="${action}"`] ?? 0;

const pong = Buffer.concat([Buffer.from([0x8a, 0x80]), Buffer.alloc(4)]);

describe('a connection that floods', () => {
  it.each([
    ['pongs of Engine.IO', frame('3')],
    ['pongs of WebSocket', pong],
    ['acknowledgements that nobody asked for', frame('31[]')],
    ['CONNECTs of unknown namespaces', frame('40/nowhere,{}')],
    ['events', frame('42["typing"]')],
    ['events of a namespace that it has not', frame('42/x,["typing"]')],
  ])('with %s is closed', async (_, packet) => {
    const service = await startApp({ PACKETS_PER_SECOND_MAX: '100' });
    const honest = await connected(service.connect('alice', { transports: ['websocket'] }));
    const webSocket = await rawClient(service.url, 'mallory');
    webSocket.socket.write(Buffer.concat(Array.from({ length: 5_000 }, () => packet)));
    await until('it is closed', () => webSocket.isClosed);
    expect(await honest.emitWithAck('join_room', 'lobby')).toMatchObject({ ok: true });
  });

  it('gets the code 1008', async () => {
    const service = await startApp({ PACKETS_PER_SECOND_MAX: '10' });
    const webSocket = await rawClient(service.url, 'mallory');
    webSocket.socket.write(Buffer.concat(Array.from({ length: 1_000 }, () => frame('3'))));
    await until('it is closed', () => webSocket.answer.includes('\x03\xf0rate_limited'));
    expect(await limited(service.operationsUrl, 'closed')).toBe(1);
  });

  it('over polling is answered with 429, also through workers', async () => {
    const service = await startWorkers({ PACKETS_PER_SECOND_MAX: '10' });
    const sid = await openSession(service.url);
    const post = (body: string) =>
      fetch(service.url + sessionPath(sid), { method: 'POST', body }).then(({ status }) => status);
    expect(await post(packetOf('mallory'))).toBe(200);
    expect(await post(Array.from({ length: 1_000 }, () => '3').join('\x1e'))).toBe(429);
    expect(await post('3')).toBe(400);
    const honest = await connected(service.connect('alice', { transports: ['polling'] }));
    expect(await honest.emitWithAck('join_room', 'lobby')).toMatchObject({ ok: true });
  });
});

describe('a connection that sends too fast', () => {
  it.each(['websocket', 'polling'])('over %s is slowed down and loses nothing', async (name) => {
    const limits = { PACKETS_PER_SECOND_MAX: '10' };
    const service = await startProcess(limits);
    await untilReady(service.operationsUrl);
    const client = await connected(service.connect('alice', { transports: [name] }));
    await client.emitWithAck('join_room', 'lobby');
    const text = 'x'.repeat(2_000);
    const replies = await Promise.all(
      Array.from({ length: 90 }, () => client.emitWithAck('typing', { roomId: 'lobby', text })),
    );
    expect(replies.every(({ ok }) => ok)).toBe(true);
    expect(await limited(service.operationsUrl, 'paused')).toBeGreaterThan(0);
    expect(await limited(service.operationsUrl, 'closed')).toBe(0);
    expect(client.connected).toBe(true);
  });

  it('of large messages is read at BYTES_PER_SECOND_MAX', async () => {
    const service = await startProcess({ BYTES_PER_SECOND_MAX: '100000' });
    await untilReady(service.operationsUrl);
    const client = await connected(service.connect('alice', { transports: ['websocket'] }));
    await client.emitWithAck('join_room', 'lobby');
    const text = 'x'.repeat(100_000);
    const replies = await Promise.all(
      Array.from({ length: 8 }, () => client.emitWithAck('typing', { roomId: 'lobby', text })),
    );
    expect(replies.every(({ ok }) => ok)).toBe(true);
    expect(await limited(service.operationsUrl, 'paused')).toBeGreaterThan(0);
  });
});

describe('a packet', () => {
  it.each([
    ['deeply', `["send_message",${'['.repeat(50_000)}${']'.repeat(50_000)}]`, 'levels deep'],
    [
      '',
      `["send_message",${JSON.stringify({ roomId: 'lobby', text: 'x'.repeat(300_000) })}]`,
      'too large',
    ],
  ])('that is %s over the limits gets an answer, and is not parsed', async (_, payload, detail) => {
    const service = await startApp();
    const webSocket = await rawClient(service.url, 'mallory');
    webSocket.socket.write(frame(`4217${payload}`));
    await until('it is answered', () => webSocket.answer.includes('4317['));
    expect(webSocket.answer).toContain('"code":"invalid_payload"');
    expect(webSocket.answer).toContain(detail);
    webSocket.socket.write(frame(`42${payload}`));
    await until('it is told', () => webSocket.answer.includes('"event":"send_message"'));
    expect(webSocket.isClosed).toBe(false);
  });

  it('to connect with over 32 KiB gets an answer, and is not parsed', async () => {
    const service = await startApp();
    service.app.io.of('/other');
    const webSocket = await rawClient(service.url, 'mallory');
    const token = tokenFor('mallory');
    webSocket.socket.write(frame(`40/other,{"token":"${token}","x":"${'x'.repeat(129_000)}"}`));
    await until('it is refused', () => webSocket.answer.includes('44/other,'));
    expect(webSocket.answer).toContain('"code":"auth_too_large"');
    expect(webSocket.isClosed).toBe(false);
  });

  it.each(['websocket', 'polling'])(
    'over %s may hold a text of MESSAGE_BYTES_MAX, however JSON encodes it',
    async (name) => {
      const service = await startApp({ MESSAGE_BYTES_MAX: '20000' });
      const client = await connected(service.connect('alice', { transports: [name] }));
      await client.emitWithAck('join_room', 'lobby');
      for (const letter of ['\n', '\u0001', '"', 'x']) {
        const sent = { roomId: 'lobby', text: letter.repeat(20_000) };
        expect(await client.emitWithAck('send_message', sent)).toMatchObject({ ok: true });
        const larger = { roomId: 'lobby', text: letter.repeat(20_001) };
        const reply = await client.emitWithAck('send_message', larger);
        expect(reply).toMatchObject({ ok: false, error: { code: 'invalid_payload' } });
      }
    },
  );
});

it('a connection can join 20 namespaces', async () => {
  const service = await startApp();
  service.app.io.of(/^\/team-\d+$/);
  const first = await connected(service.connect('alice', { namespace: '/team-0' }));
  const auth = { token: tokenFor('alice') };
  for (let i = 1; i < 20; i += 1) await connected(first.io.socket(`/team-${i}`, { auth }));
  const [error] = await next(first.io.socket('/team-20', { auth }), 'connect_error');
  expect(error).toMatchObject({ data: { code: 'too_many_namespaces', retryable: false } });
  expect(first.connected).toBe(true);
});
