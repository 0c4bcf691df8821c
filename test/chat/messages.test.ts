import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { recording, startChat } from '../harness/chat.ts';
import { connected, next } from '../harness/service.ts';

describe('messages', () => {
  it('reach everybody in the room, the sender too, and nobody else', async () => {
    const { member } = await startChat();
    const alice = await member('alice');
    const bob = await member('bob');
    const outside = recording(await member('carol', 'elsewhere'), 'new_message');
    const both = [next(alice, 'new_message'), next(bob, 'new_message')];
    const sent = { roomId: 'lobby', text: 'hi', id: 'm-1' };
    const reply = await alice.emitWithAck('send_message', sent);
    for (const [message] of await Promise.all(both)) expect(message).toEqual(reply.message);
    expect(reply.message).toMatchObject({ ...sent, userId: 'alice' });
    expect(Math.abs(reply.message.at - Date.now())).toBeLessThan(5000);
    expect(outside).toEqual([]);
  });

  it('with the same id are one message, or refused if the content differs', async () => {
    const { member } = await startChat();
    const alice = await member('alice');
    const bob = await member('bob');
    const seen = recording(bob, 'new_message');
    const send = (client: Socket, text: string, roomId = 'lobby') =>
      client.emitWithAck('send_message', { roomId, text, id: 'same' });
    const first = await send(alice, 'one');
    expect(await send(alice, 'one')).toEqual(first);
    await alice.emitWithAck('join_room', 'elsewhere');
    for (const refused of [await send(alice, 'two'), await send(alice, 'one', 'elsewhere')]) {
      expect(refused.error).toEqual({
        code: 'invalid_payload',
        message: 'Invalid payload: id was used for another message within ten minutes',
        retryable: false,
      });
    }
    const last = next(bob, 'new_message');
    expect((await send(bob, 'of another user')).message.text).toBe('of another user');
    await last;
    expect(seen).toHaveLength(2);
  });

  it('from outside the room are refused, with or without acknowledgement', async () => {
    const { user } = await startChat();
    const alice = await user('alice');
    for (const event of ['send_message', 'typing', 'history']) {
      const reply = await alice.emitWithAck(event, { roomId: 'lobby', text: 'x' });
      expect(reply.error).toEqual({
        code: 'not_in_room',
        message: 'Join the room first',
        retryable: false,
      });
    }
    const error = next(alice, 'error');
    alice.emit('send_message', { roomId: 'lobby', text: 'x' });
    const details = { code: 'not_in_room', event: 'send_message', retryable: false };
    expect((await error).slice(0, 2)).toEqual(['Join the room first', details]);
  });

  it('are paged backwards by history, oldest first', async () => {
    const { member } = await startChat({ HISTORY_MESSAGES_MAX: '5' });
    const alice = await member('alice');
    for (let i = 1; i <= 7; i += 1) {
      await alice.emitWithAck('send_message', { roomId: 'lobby', text: `${i}`, id: `id-${i}` });
    }
    const page = async (query: object) => {
      const { messages, more } = await alice.emitWithAck('history', { roomId: 'lobby', ...query });
      return [messages.map(({ text }: { text: string }) => text).join(''), more];
    };
    expect(await page({})).toEqual(['34567', false]);
    expect(await page({ limit: 2 })).toEqual(['67', true]);
    expect(await page({ limit: 2, before: 'id-6' })).toEqual(['45', true]);
    expect(await page({ limit: 2, before: 'id-4' })).toEqual(['3', false]);
    expect(await page({ before: 'unknown' })).toEqual(['', false]);
  });
});

describe('typing', () => {
  it('is shown to the others, and never replayed', async () => {
    const { member } = await startChat();
    const [alice, bob] = [await member('alice'), await member('bob')];
    const own = recording(alice, 'user_typing');
    const typing = next(bob, 'user_typing');
    expect(await alice.emitWithAck('typing', { roomId: 'lobby' })).toEqual({ ok: true });
    expect((await typing)[0]).toEqual({ roomId: 'lobby', userId: 'alice' });
    expect(own).toEqual([]);
    const late = recording(bob, 'user_typing');
    bob.io.engine.close();
    alice.emit('typing', { roomId: 'lobby' });
    await next(bob, 'connect');
    const message = next(bob, 'new_message');
    await alice.emitWithAck('send_message', { roomId: 'lobby', text: 'x' });
    await message;
    expect(late).toEqual([]);
  });
});

describe('announcements', () => {
  it('reach every client of the main namespace, from administrators only', async () => {
    const { member, user, connect } = await startChat();
    const everybody = [await member('alice'), await user('bob')];
    const heard = everybody.map((client) => next(client, 'announcement'));
    const admin = connect({ sub: 'root', role: 'admin' }, { namespace: '/admin' });
    const reply = await (await connected(admin)).emitWithAck('broadcast_announcement', 'hear!');
    expect(reply).toEqual({ ok: true });
    for (const [message] of await Promise.all(heard)) expect(message).toBe('hear!');
  });
});

describe('recovery in memory', () => {
  it('brings back rooms and what was missed, once and in order', async () => {
    const { member } = await startChat();
    const [alice, bob] = [await member('alice'), await member('bob')];
    const seen = recording(bob, 'new_message');
    const { id } = bob;
    bob.io.engine.close();
    for (const text of ['1', '2', '3']) {
      await alice.emitWithAck('send_message', { roomId: 'lobby', text });
    }
    await next(bob, 'connect');
    expect(bob.recovered).toBe(true);
    expect(bob.id).toBe(id);
    const last = next(bob, 'new_message');
    await alice.emitWithAck('send_message', { roomId: 'lobby', text: '4' });
    await last;
    expect(seen).toMatchObject(['1', '2', '3', '4'].map((text) => ({ text })));
  });

  it('works for a client that has sent and joined nothing yet', async () => {
    const { connect } = await startChat();
    const alice = connect('alice');
    await next(alice, 'welcome');
    alice.io.engine.close();
    await next(alice, 'connect');
    expect(alice.recovered).toBe(true);
  });
});
