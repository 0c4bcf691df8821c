// What users show of themselves in a room, and pages of members.
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { get } from '../harness/backend.ts';
import { recording, startChat } from '../harness/chat.ts';
import { next, until } from '../harness/service.ts';

const lobby = { roomId: 'lobby' };
const set = (client: Socket, presence: unknown, roomId = 'lobby') =>
  client.emitWithAck('set_presence', { roomId, presence });

describe('presence that a user sets', () => {
  it('reaches the members, and whoever joins or asks later, until it is removed', async () => {
    const { member, user, operationsUrl } = await startChat();
    const [alice, bob] = [await member('alice'), await member('bob')];
    const presence = { name: 'Alice', status: 'away', mood: { tea: true } };
    const updated = next(bob, 'user_updated');
    expect(await set(alice, presence)).toEqual({ ok: true, ...lobby });
    expect((await updated)[0]).toEqual({ ...lobby, userId: 'alice', presence });
    const carol = await user('carol');
    const { presences } = await carol.emitWithAck('join_room', 'lobby');
    expect(presences).toEqual([{ userId: 'alice', presence }]);
    const page = { ...lobby, count: 3, members: [{ userId: 'alice', presence }], more: true };
    expect(await carol.emitWithAck('members', { ...lobby, limit: 1 })).toEqual({
      ok: true,
      ...page,
    });
    const { body } = await get(operationsUrl, 'rooms/lobby/members?limit=1');
    expect(body).toEqual(page);
    const rest = await get(operationsUrl, 'rooms/lobby/members?after=alice');
    const others = [{ userId: 'bob' }, { userId: 'carol' }];
    expect(rest.body).toEqual({ ...lobby, count: 3, members: others, more: false });
    const removed = next(bob, 'user_updated');
    await set(alice, null);
    expect((await removed)[0]).toEqual({ ...lobby, userId: 'alice' });
  });

  it('of several tabs is the last one set, and another one once that tab has left', async () => {
    const { member } = await startChat();
    const [alice, tab, otherTab] = [
      await member('alice'),
      await member('bob'),
      await member('bob'),
    ];
    const updates = recording(alice, 'user_updated');
    const left = next(alice, 'user_left');
    for (const [client, name] of [
      [tab, 'phone'],
      [otherTab, 'desk'],
    ] as const) {
      const updated = next(alice, 'user_updated');
      await set(client, { name });
      await updated;
    }
    const back = next(alice, 'user_updated');
    otherTab.disconnect();
    await back;
    tab.disconnect();
    await left;
    const names = ['phone', 'desk', 'phone'];
    expect(updates).toEqual(names.map((name) => ({ ...lobby, userId: 'bob', presence: { name } })));
  });

  it('reaches the members of a large room with the next diff', async () => {
    const { member } = await startChat({ PRESENCE_EVENTS_MEMBERS_MAX: '0' });
    const [alice, bob] = [await member('alice'), await member('bob')];
    const diffs = recording(alice, 'presence_diff');
    const presence = { name: 'Bob' };
    await set(bob, presence);
    const bobs = { presences: [{ userId: 'bob', presence }] };
    await until('alice knows', () =>
      JSON.stringify(diffs).includes(JSON.stringify(bobs).slice(1, -1)),
    );
    expect(diffs.at(-1)).toMatchObject({ count: 2, left: [], complete: true, ...bobs });
  });

  it('ends with the membership, also if the server removes the socket from the room', async () => {
    const { app, member } = await startChat();
    const [alice, bob] = [await member('alice'), await member('bob')];
    await set(bob, { name: 'Bob' });
    const left = next(alice, 'user_left');
    app.io.in('room:lobby').except('user:alice').socketsLeave('room:lobby');
    await left;
    await bob.emitWithAck('join_room', 'lobby');
    const { members } = await alice.emitWithAck('members', lobby);
    expect(members).toEqual([{ userId: 'alice' }, { userId: 'bob' }]);
  });

  it('is refused outside of the room, above 1 KB, and too often', async () => {
    const { member } = await startChat();
    const alice = await member('alice');
    const code = async (...args: [presence: unknown, roomId?: string]) => {
      const { ok, error } = await set(alice, ...args);
      return ok ? 'ok' : error.code;
    };
    expect(await code({ name: 'Alice' }, 'kitchen')).toBe('not_in_room');
    const large = await set(alice, { note: 'ü'.repeat(520) });
    expect(large.error).toEqual({
      code: 'invalid_payload',
      message: 'Invalid payload: presence must have at most 1024 bytes as JSON',
      retryable: false,
    });
    expect(await code('a text')).toBe('invalid_payload');
    const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => code({ n })));
    expect(answers).toContain('rate_limited');
  });
});

describe('the last time that a user was seen', () => {
  it('is known once the user is offline', async () => {
    const { member, operationsUrl } = await startChat();
    const alice = await member('alice');
    const startedAt = Date.now();
    const online = await get(operationsUrl, 'users/alice');
    expect(online.body).toMatchObject({ online: true });
    expect(online.body).not.toHaveProperty('lastSeen');
    const watcher = await member('bob');
    const left = next(watcher, 'user_left');
    alice.disconnect();
    await left;
    const { body } = await get(operationsUrl, 'users/alice');
    const { lastSeen } = body as unknown as { lastSeen: number };
    expect(lastSeen).toBeGreaterThanOrEqual(startedAt);
    const nobody = await get(operationsUrl, 'users/nobody');
    expect(nobody.body).toEqual({ userId: 'nobody', online: false, sockets: [] });
  });
});
