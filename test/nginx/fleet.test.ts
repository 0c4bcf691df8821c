import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  connected,
  connectionsOf,
  homes,
  next,
  type ScratchFleet,
  startScratchFleet,
} from '../harness/scratch-fleet.ts';

interface Message {
  id: string;
  roomId: string;
  userId: string;
  text: string;
}

let fleet: ScratchFleet;
beforeAll(async () => {
  fleet = await startScratchFleet();
});
afterEach(() => fleet?.disconnectAll());
afterAll(() => fleet?.close());

const twenty = <T>(make: (home: 0 | 1 | 2) => Promise<T>) =>
  Promise.all(Array.from({ length: 20 }, (_, number) => make((number % 3) as 0 | 1 | 2)));

describe('connecting through nginx', () => {
  test('20 of 20 clients with default transports connect and upgrade', async () => {
    const sockets = await twenty(async (home) => connected(await fleet.client({ home })));
    await vi.waitFor(() => {
      const transports = sockets.map(({ io }) => io.engine.transport.name);
      expect(transports).toEqual(Array(20).fill('websocket'));
    }, 20_000);
  });

  test.each(['websocket', 'polling'])('20 of 20 clients with %s only connect', async (name) => {
    const transports = [name];
    await twenty(async (home) => connected(await fleet.client({ home, transports })));
  });

  test('each client address has a home replica, also behind another proxy', async () => {
    for (const home of homes) {
      await connected(await fleet.client({ home }));
      await connected(await fleet.client({ home, transports: ['polling'] }));
    }
    await vi.waitFor(async () => {
      expect(await Promise.all(fleet.replicas.map(connectionsOf))).toEqual([2, 2, 2]);
    }, 20_000);
  });

  test('a token that the command line made is accepted', async () => {
    const client = await fleet.client({ auth: { token: await fleet.token('alice') } });
    await connected(client);
  });

  test('the page is served', async () => {
    const answer = await fetch(fleet.address);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('text/html');
  });

  test('probes, metrics and the backend API are not reachable', async () => {
    for (const path of ['/metrics', '/healthz', '/readyz', '/v1/pods']) {
      expect((await fetch(fleet.address + path)).status, path).toBe(404);
    }
  });
});

describe('with clients on different replicas', () => {
  async function aliceAndBob() {
    const alice = await fleet.client({ user: 'alice', home: 0 });
    const bob = await fleet.client({ user: 'bob', home: 1 });
    await Promise.all([connected(alice), connected(bob)]);
    return { alice, bob };
  }

  test("the seed's chat works", async () => {
    const { alice, bob } = await aliceAndBob();
    const room = 'seed-chat';

    const first = next<Message[]>(alice, 'room_history');
    alice.emit('join_room', room);
    expect(await first).toEqual([]);
    const joined = next(alice, 'user_joined');
    bob.emit('join_room', room);
    expect(await joined).toMatchObject({ roomId: room, userId: 'bob' });

    const received = [alice, bob].map((socket) => next<Message>(socket, 'new_message'));
    alice.emit('send_message', { roomId: room, text: 'Hello' });
    const [own, other] = await Promise.all(received);
    expect(own).toMatchObject({ roomId: room, userId: 'alice', text: 'Hello' });
    expect(other).toEqual(own);

    const typing = next(alice, 'user_typing');
    bob.emit('typing', { roomId: room });
    expect(await typing).toEqual({ roomId: room, userId: 'bob' });

    const history = await bob.timeout(2_000).emitWithAck('history', { roomId: room });
    expect(history).toMatchObject({ ok: true, messages: [{ text: 'Hello', userId: 'alice' }] });

    const left = next(bob, 'user_left');
    alice.emit('leave_room', room);
    expect(await left).toEqual({ roomId: room, userId: 'alice' });
  });

  test('an announcement from /admin reaches everybody', async () => {
    const { alice, bob } = await aliceAndBob();
    const role = 'admin';
    const admin = await fleet.client({ user: 'root', role, namespace: '/admin', home: 2 });
    await connected(admin);
    const heard = [alice, bob].map((socket) => next(socket, 'announcement'));
    const reply = await admin.timeout(2_000).emitWithAck('broadcast_announcement', 'Maintenance');
    expect(reply).toMatchObject({ ok: true });
    expect(await Promise.all(heard)).toEqual(['Maintenance', 'Maintenance']);
  });

  test('/admin refuses users', async () => {
    const user = await fleet.client({ user: 'bob', namespace: '/admin' });
    await expect(connected(user)).rejects.toMatchObject({ data: { code: 'admin_only' } });
  });

  test("a notification published on another replica's operations port arrives", async () => {
    const { alice } = await aliceAndBob();
    const notification = next(alice, 'notification');
    const answer = await fetch(`${fleet.replicas[2].operations}/v1/publish`, {
      method: 'POST',
      headers: { Authorization: `Bearer ${fleet.apiKey}`, 'Content-Type': 'application/json' },
      body: JSON.stringify({ users: ['alice'], event: 'notification', data: { text: 'Hi' } }),
    });
    expect(answer.status).toBe(202);
    expect(await notification).toEqual({ text: 'Hi' });
  });
});
