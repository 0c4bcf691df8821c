import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { recording, startChat } from '../harness/chat.ts';
import { startRedis } from '../harness/redis.ts';
import { connected, next, until } from '../harness/service.ts';

const transports = ['websocket']; // what is sent together arrives apart

describe('rooms', () => {
  it('announce who joins, show the new member the history, and answer with members', async () => {
    const { member, user } = await startChat();
    const alice = await member('alice');
    await alice.emitWithAck('send_message', { roomId: 'lobby', text: 'hello' });
    const bob = await user('bob');
    const joined = next(alice, 'user_joined');
    const history = next(bob, 'room_history');
    const reply = await bob.emitWithAck('join_room', 'lobby');
    expect(reply).toMatchObject({ ok: true, roomId: 'lobby', members: ['alice', 'bob'] });
    expect(reply.history).toMatchObject([{ text: 'hello', userId: 'alice', roomId: 'lobby' }]);
    expect((await history)[0]).toEqual(reply.history);
    expect((await joined)[0]).toEqual({ roomId: 'lobby', userId: 'bob' });
  });

  it("work in the seed's form, without acknowledgements", async () => {
    const { user } = await startChat();
    const [alice, bob] = [await user('alice'), await user('bob')];
    alice.emit('join_room', 'lobby');
    await next(alice, 'room_history');
    const joined = next(alice, 'user_joined');
    bob.emit('join_room', 'lobby');
    await joined;
    const message = next(alice, 'new_message');
    bob.emit('send_message', { roomId: 'lobby', text: 'hi' });
    expect((await message)[0]).toMatchObject({ text: 'hi', userId: 'bob' });
    const left = next(alice, 'user_left');
    bob.emit('leave_room', 'lobby');
    expect((await left)[0]).toEqual({ roomId: 'lobby', userId: 'bob' });
  });

  it('miss nothing that a client sends before it is connected', async () => {
    const { connect } = await startChat();
    const client = connect('alice');
    const replies = ['a', 'b', 'c'].map((room) => client.emitWithAck('join_room', room));
    expect(client.connected).toBe(false);
    for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ ok: true });
  });

  it('announce a departure once the last socket of the user has gone', async () => {
    const { member } = await startChat();
    const alice = await member('alice');
    const [tab, otherTab] = [await member('bob'), await member('bob')];
    const departures = recording(alice, 'user_left');
    await tab.emitWithAck('leave_room', 'lobby');
    const left = next(alice, 'user_left');
    otherTab.disconnect();
    await left;
    expect(departures).toEqual([{ roomId: 'lobby', userId: 'bob' }]);
  });

  it('announce a lost connection only when it can no longer come back', async () => {
    const { member } = await startChat({ RECOVERY_MS_MAX: '1000' });
    const alice = await member('alice');
    const bob = await member('bob');
    bob.io.reconnection(false);
    const left = next(alice, 'user_left');
    bob.io.engine.close();
    await left;
    bob.connect();
    await next(bob, 'connect');
    expect(bob.recovered).toBe(false);
  });

  it('say nothing of a connection that came back', async () => {
    const { member } = await startChat({ RECOVERY_MS_MAX: '3000' });
    const [alice, bob, carol] = [await member('alice'), await member('bob'), await member('carol')];
    const departures = recording(alice, 'user_left');
    bob.io.reconnectionDelay(50); // else a busy machine takes longer than the window
    bob.io.engine.close();
    await next(bob, 'connect');
    expect(bob.recovered).toBe(true);
    carol.io.reconnection(false);
    const left = next(alice, 'user_left');
    carol.io.engine.close(); // after bob: when her time is over, so is his
    await left;
    expect(departures).toEqual([{ roomId: 'lobby', userId: 'carol' }]);
    const reply = await alice.emitWithAck('join_room', 'lobby');
    expect(reply.members.sort()).toEqual(['alice', 'bob']);
  });

  it('say nothing of a large room but its number, some names and one diff a second', async () => {
    const { member, user } = await startChat({ PRESENCE_EVENTS_MEMBERS_MAX: '2' });
    const alice = await member('alice');
    await alice.emitWithAck('send_message', { roomId: 'lobby', text: 'hello' });
    await member('bob');
    const events = recording(alice, 'user_joined');
    const diff = next(alice, 'presence_diff');
    const carol = await user('carol');
    const histories = recording(carol, 'room_history');
    const reply = await carol.emitWithAck('join_room', 'lobby');
    expect(reply).toMatchObject({ ok: true, count: 3, history: [{ text: 'hello' }] });
    const lists = { joined: ['carol'], left: [], presences: [] };
    expect((await diff)[0]).toEqual({ roomId: 'lobby', count: 3, ...lists, complete: true });
    expect([events, histories]).toEqual([[], []]);
    const dave = await user('dave');
    const history = next(dave, 'room_history');
    dave.emit('join_room', 'lobby'); // without acknowledgement the history comes as an event
    expect((await history)[0]).toMatchObject([{ text: 'hello' }]);
  });

  it.each(['.', '..'])('cannot be named %s, which a URL cannot contain', async (roomId) => {
    const { user } = await startChat();
    const alice = await user('alice');
    const refused = await alice.emitWithAck('join_room', roomId);
    expect(refused).toMatchObject({ error: { code: 'invalid_payload' } });
    expect(await alice.emitWithAck('join_room', `${roomId}.a`)).toMatchObject({ ok: true });
  });

  it('are limited in number per socket', async () => {
    const { user } = await startChat({ ROOMS_PER_SOCKET_MAX: '2' });
    const alice = await user('alice');
    for (const room of ['a', 'b', 'a']) {
      expect(await alice.emitWithAck('join_room', room)).toMatchObject({ ok: true });
    }
    const third = await alice.emitWithAck('join_room', 'c');
    expect(third).toMatchObject({ ok: false, error: { code: 'too_many_rooms' } });
    await alice.emitWithAck('leave_room', 'a');
    expect(await alice.emitWithAck('join_room', 'c')).toMatchObject({ ok: true });
  });

  it('are left by whoever leaves before the join is answered', async () => {
    const { connect } = await startChat();
    const alice = await connected(connect('alice', { transports }));
    for (const room of ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h']) {
      const replies = [alice.emitWithAck('join_room', room), alice.emitWithAck('leave_room', room)];
      for (const reply of await Promise.all(replies)) expect(reply).toMatchObject({ ok: true });
      const history = await alice.emitWithAck('history', { roomId: room });
      expect(history).toMatchObject({ ok: false, error: { code: 'not_in_room' } });
    }
  });

  it('say nothing of a member who joins again', async () => {
    const { url } = await startRedis();
    const { app, member } = await startChat({ REDIS_URL: url });
    await app.started;
    const alice = await member('alice');
    const changes = ['user_joined', 'user_left'].map((event) => recording(alice, event));
    const bob = await member('bob');
    for (const _ of [1, 2, 3]) await bob.emitWithAck('join_room', 'lobby');
    const message = next(alice, 'new_message');
    await bob.emitWithAck('send_message', { roomId: 'lobby', text: 'after the joins' });
    await message;
    expect(changes).toEqual([[{ roomId: 'lobby', userId: 'bob' }], []]);
  });

  it('announce a leave and a join of a module that follow each other at once', async () => {
    const { url } = await startRedis();
    const { app, member } = await startChat({ REDIS_URL: url });
    await app.started;
    const alice = await member('alice');
    const left = recording(alice, 'user_left');
    const joined = recording(alice, 'user_joined');
    const bob = await member('bob');
    const socket = app.io.sockets.sockets.get(bob.id as string);
    const saved = [socket?.leave('room:lobby')];
    await setImmediate(); // the leave is sent, and not answered
    saved.push(socket?.join('room:lobby'));
    await Promise.all(saved);
    await until('all are announced', () => left.length + joined.length === 3);
    expect(left).toEqual([{ roomId: 'lobby', userId: 'bob' }]);
    expect((await alice.emitWithAck('join_room', 'lobby')).members.sort()).toEqual([
      'alice',
      'bob',
    ]);
  });

  it('count nobody who disconnects while joining', async () => {
    const { url } = await startRedis();
    const { app, connect, member } = await startChat({ REDIS_URL: url });
    await app.started;
    for (const turns of Array.from({ length: 24 }, (_, i) => i % 6)) {
      const client = await connected(connect(`user-${turns}`, { transports }));
      client.emit('join_room', 'lobby');
      for (let turn = 0; turn < turns; turn += 1) await setImmediate();
      client.disconnect();
    }
    const alice = await member('alice');
    await expect
      .poll(async () => (await alice.emitWithAck('join_room', 'lobby')).members)
      .toEqual(['alice']);
  });
});
