// Nobody gets anything of a session before the token is verified, in both modes.
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { startRedis } from '../harness/redis.ts';
import { connected, next, startApp, tokenFor, until, untilReady } from '../harness/service.ts';

interface Raw {
  frames: string[];
  closed: boolean;
}

/** A bare WebSocket that claims a session: what a stock client would never show. */
function claim(url: string, token: string | undefined, pid: string, offset: string): Raw {
  const raw: Raw = { frames: [], closed: false };
  const address = `${url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`;
  const socket = new WebSocket(address);
  socket.on('message', (data) => {
    const frame = data.toString();
    raw.frames.push(frame);
    if (frame.startsWith('0')) socket.send(`40${JSON.stringify({ token, pid, offset })}`);
  });
  socket.on('close', () => {
    raw.closed = true;
  });
  onTestFinished(() => socket.terminate());
  return raw;
}

describe.each(['memory', 'redis'])('with the session of somebody in %s', (mode) => {
  async function victim() {
    const env = mode === 'redis' ? { REDIS_URL: (await startRedis()).url } : {};
    const service = await startApp(env);
    await untilReady(service.operationsUrl);
    const alice = await connected(service.connect('alice', { reconnection: false }));
    const bob = await connected(service.connect('bob'));
    for (const client of [alice, bob]) await client.emitWithAck('join_room', 'board');
    const seen = next(alice, 'new_message');
    await bob.emitWithAck('send_message', { roomId: 'board', text: 'first' });
    await seen;
    const pid = Reflect.get(alice, '_pid') as string;
    const offset = Reflect.get(alice, '_lastOffset') as string;
    return { service, alice, bob, pid, offset };
  }

  it.each([
    ['an expired token', () => tokenFor('alice', -5), 'token_expired'],
    ['a forged token', () => `${tokenFor('alice')}x`, 'invalid_token'],
    ['no token', () => undefined, 'authentication_required'],
  ])('%s gets no event, and the session stays', async (_, token, code) => {
    const { service, alice, bob, pid, offset } = await victim();
    alice.io.engine.close();
    await bob.emitWithAck('send_message', { roomId: 'board', text: 'TOP SECRET' });
    const raw = claim(service.url, token(), pid, offset);
    await until('it is refused', () => raw.frames.some((frame) => frame.startsWith('44')));
    expect(raw.frames.find((frame) => frame.startsWith('44'))).toContain(code);
    expect(raw.frames.filter((frame) => frame.startsWith('42'))).toEqual([]);
    const missed = next(alice, 'new_message');
    alice.connect();
    await next(alice, 'connect');
    expect(alice.recovered).toBe(true);
    expect((await missed)[0]).toMatchObject({ text: 'TOP SECRET' });
  });

  it('another user gets a session of their own, while the owner stays connected', async () => {
    const { service, alice, bob, pid, offset } = await victim();
    const raw = claim(service.url, tokenFor('mallory'), pid, offset);
    await until('it is connected', () => raw.frames.some((frame) => frame.startsWith('40')));
    expect(raw.frames.find((frame) => frame.startsWith('40'))).not.toContain(pid);
    const live = next(alice, 'new_message');
    await bob.emitWithAck('send_message', { roomId: 'board', text: 'TOP SECRET' });
    await live;
    expect(alice.connected).toBe(true);
    expect(raw.frames.join()).not.toContain('TOP SECRET');
  });

  it('an older offset brings nothing from before the room was joined', async () => {
    if (mode === 'memory') return; // Socket.IO's own adapter replays from the offset
    const { service, alice, bob, pid, offset } = await victim();
    await bob.emitWithAck('join_room', 'late');
    await bob.emitWithAck('send_message', { roomId: 'late', text: 'BEFORE' });
    await alice.emitWithAck('join_room', 'late');
    await bob.emitWithAck('send_message', { roomId: 'late', text: 'AFTER' });
    alice.io.engine.close();
    const raw = claim(service.url, tokenFor('alice'), pid, offset);
    await until('it is replayed', () => raw.frames.join().includes('AFTER'));
    const messages = raw.frames.filter((frame) => frame.includes('new_message'));
    expect(messages.join()).not.toContain('BEFORE'); // as opposed to `room_history`, sent to her
  });

  it('the owner may come back before the break was noticed', async () => {
    const { service, alice, pid, offset } = await victim();
    const closed = next(alice, 'disconnect');
    const raw = claim(service.url, tokenFor('alice'), pid, offset);
    await until('it is connected', () => raw.frames.some((frame) => frame.startsWith('40')));
    await closed;
    expect(raw.frames.find((frame) => frame.startsWith('40'))).toContain(pid);
  });
});
