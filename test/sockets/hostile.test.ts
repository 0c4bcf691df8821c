import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { clientEventsOf } from '../../tools/reference/events.ts';
import {
  connected,
  next,
  samples,
  startApp,
  startProcess,
  until,
  untilReady,
} from '../harness/service.ts';

const events = clientEventsOf('/').map(({ name }) => name);

function nested(depth: number): unknown {
  let value: unknown = 1;
  for (let i = 0; i < depth; i += 1) value = [value];
  return value;
}

/** One of many ways to get a payload wrong. */
function malformed(i: number): unknown[] {
  const prototype = JSON.parse('{"__proto__":{"admin":true},"roomId":"__proto__","text":{}}');
  const ways: unknown[][] = [
    [],
    [null],
    [i],
    [''],
    [true],
    [[]],
    [{}],
    [{ roomId: i }],
    [{ roomId: 'x'.repeat(5_000), text: 'x' }],
    [{ roomId: 'lobby', text: 'x'.repeat(60_000) }],
    [{ roomId: 'lobby', text: Buffer.alloc(100) }],
    [Buffer.alloc(50)],
    [prototype],
    [{ constructor: { prototype: {} }, roomId: 'toString' }],
    [nested(500)],
    [{ roomId: 'a b', text: 'x', id: {} }],
    [{ roomId: 'lobby', before: {}, limit: -1 }],
    ['lobby', 'extra', { more: 1 }],
  ];
  return ways[i % ways.length] as unknown[];
}

async function sendMalformed(client: Socket, count: number): Promise<unknown[]> {
  const replies: unknown[] = [];
  for (let i = 0; i < count; i += 1) {
    const event = events[i % events.length] as string;
    if (i % 3 === 0) client.emit(event, ...malformed(i));
    else client.emit(event, ...malformed(i), (reply: unknown) => replies.push(reply));
  }
  const acknowledged = count - Math.ceil(count / 3);
  await until('every acknowledgement', () => replies.length === acknowledged, 90_000);
  return replies;
}

const codesOf = (replies: unknown[]) =>
  new Set(replies.map((reply) => (reply as { error?: { code: string } }).error?.code));

describe('malformed events', () => {
  it('get clear errors, and ten thousand leave process and memory whole', async () => {
    const process = await startProcess({
      EVENTS_PER_SECOND_MAX: '100000',
      PACKETS_PER_SECOND_MAX: '100000',
      BYTES_PER_SECOND_MAX: '1000000000',
      LOG_LEVEL: 'warn',
      NODE_OPTIONS: '--max-old-space-size=96', // garbage is collected soon; a leak ends the process
    });
    await untilReady(process.operationsUrl);
    const client = await connected(process.connect('mallory', { transports: ['websocket'] }));
    await sendMalformed(client, 20_000); // what the first rounds allocate is there to stay
    const before = await residentBytes(process.operationsUrl);
    for (let round = 0; round < 3; round += 1) {
      const replies = await sendMalformed(client, 10_000);
      const codes = codesOf(replies);
      for (const code of ['invalid_payload', 'not_in_room', 'invalid_token']) {
        expect(codes).toContain(code);
      }
      expect(codes).not.toContain('internal');
    }
    const after = await residentBytes(process.operationsUrl);
    expect(after - before).toBeLessThan(120 * 1024 * 1024);
    expect(process.child.exitCode).toBeNull();
    expect(client.connected).toBe(true);
    expect(process.output()).toBe('');
  }, 300_000);

  it('without acknowledgement are answered with an error event', async () => {
    const service = await startApp();
    const client = await connected(service.connect('mallory'));
    const error = next(client, 'error');
    client.emit('join_room', { not: 'a name' });
    const [text, details] = await error;
    expect(text).toMatch(/^Invalid payload: .*string/);
    expect(details).toEqual({ code: 'invalid_payload', event: 'join_room', retryable: false });
  });

  it('larger than the limit close the connection, and only that one', async () => {
    const service = await startApp({ MESSAGE_BYTES_MAX: '2048' });
    const other = await connected(service.connect('alice'));
    const client = await connected(service.connect('mallory', { transports: ['websocket'] }));
    client.emit('send_message', { roomId: 'lobby', text: 'x'.repeat(20_000) });
    await next(client, 'disconnect');
    expect(other.connected).toBe(true);
  });

  it('that nobody handles are distinguished from those that fail', async () => {
    const service = await startApp();
    const client = await connected(service.connect('mallory'));
    for (const event of ['no_such_event', 'error']) {
      const reply = await client.emitWithAck(event, {});
      expect(reply).toMatchObject({ ok: false, error: { code: 'unknown_event' } });
    }
    const received = await samples(service.operationsUrl, 'messages_received_total');
    expect(received).toEqual({ 'event="unknown"': 2 }); // a label is never a client's choice
  });
});

describe('a client', () => {
  it("cannot join another user's room or a socket's own", async () => {
    const service = await startApp();
    const victim = await connected(service.connect('alice'));
    const mallory = await connected(service.connect('mallory'));
    const heard: unknown[] = [];
    mallory.onAny((event, payload) => event === 'secret' && heard.push(payload));
    for (const room of [victim.id as string, 'user:alice', 'alice']) {
      await mallory.emitWithAck('join_room', room);
    }
    const secret = next(victim, 'secret');
    service.app.io.to(victim.id as string).emit('secret', { for: 'a socket' });
    service.app.io.to('user:alice').emit('secret', { for: 'a user' });
    await secret;
    await mallory.emitWithAck('history', { roomId: 'alice' });
    expect(heard).toEqual([]);
  });

  it('that sends too fast is rate limited, and served again later', async () => {
    const service = await startApp({ EVENTS_PER_SECOND_MAX: '2' });
    const client = await connected(service.connect('mallory'));
    await client.emitWithAck('join_room', 'lobby');
    const replies = await Promise.all(
      Array.from({ length: 100 }, () => client.emitWithAck('typing', { roomId: 'lobby' })),
    );
    const limited = replies.filter(({ ok }) => !ok);
    expect(limited.length).toBeGreaterThan(40);
    expect(limited[0].error).toMatchObject({ code: 'rate_limited', retryable: true });
    const served = async () => (await client.emitWithAck('typing', { roomId: 'lobby' })).ok;
    await until('served again', served);
  });

  it('that does not read is closed before it fills the memory', async () => {
    const service = await startApp();
    const { port } = new URL(service.url);
    const slow = await connected(service.connect('slow', { transports: ['websocket'] }));
    const webSocket = Reflect.get(slow.io.engine.transport, 'ws') as { _socket: { pause(): void } };
    webSocket._socket.pause();
    const fast = await connected(service.connect('fast', { transports: ['websocket'] }));
    const chunk = { text: 'x'.repeat(100_000) };
    const closed = async () => {
      for (let i = 0; i < 10; i += 1) service.app.io.emit('flood', chunk);
      return (await samples(service.operationsUrl, 'slow_consumers_total'))[''] === 1;
    };
    await until(`the paused client of ${port} is closed`, closed);
    expect(fast.connected).toBe(true);
  });
});

async function residentBytes(operationsUrl: string): Promise<number> {
  const text = await (await fetch(`${operationsUrl}/metrics`)).text();
  return Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]);
}
