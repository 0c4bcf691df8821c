// Every event of the contract once, over real sockets: what is sent fits the schemas.
import type { Socket } from 'socket.io-client';
import { describe, expect, it } from 'vitest';
import { serverEvents } from '../../service/protocol/events.ts';
import { clientEventsOf } from '../../tools/reference/events.ts';
import { startChat } from '../harness/chat.ts';
import { connected, next, tokenFor } from '../harness/service.ts';

const admin = { sub: 'root', role: 'admin' };

/** Records what a client gets, by name; its position in the stream is not an argument. */
function record(client: Socket, got: Map<string, unknown[]>): void {
  client.onAny((name: string, ...args: unknown[]) => {
    const { schema } = serverEvents.find((event) => event.name === name) ?? {};
    got.set(name, args.slice(0, schema?.def.items.length));
  });
}

describe('the events of the contract', () => {
  it('are all sent, with acknowledgements and arguments that fit their schemas', async () => {
    const { connect } = await startChat({
      ROOM_ACCESS: 'claims',
      PRESENCE_EVENTS_MEMBERS_MAX: '2',
    });
    const got = new Map<string, unknown[]>();
    const open = (user: Parameters<typeof connect>[0], namespace = '/') => {
      const client = connect(user, { namespace, transports: ['websocket'] });
      record(client, got);
      return connected(client);
    };
    const rooms = ['lobby', 'hall'];
    const members = ['alice', 'bob', 'carol'].map((sub) => open({ sub, rooms }));
    const [alice, bob, carol] = (await Promise.all(members)) as [Socket, Socket, Socket];
    const root = await open(admin, '/admin');

    const message = { roomId: 'lobby', text: 'hello' };
    const requests: [Socket, string, unknown[]][] = [
      [alice, 'join_room', ['lobby']],
      [bob, 'join_room', ['lobby']],
      [bob, 'set_presence', [{ roomId: 'lobby', presence: { name: 'Bob', status: 'away' } }]],
      [alice, 'members', [{ roomId: 'lobby' }]],
      [alice, 'join_room', ['hall']],
      [bob, 'join_room', ['hall']],
      [carol, 'join_room', ['hall']], // one more than a small room has
      [alice, 'send_message', [message]],
      [alice, 'typing', [{ roomId: 'lobby' }]],
      [alice, 'history', [{ roomId: 'lobby' }]],
      [root, 'broadcast_announcement', ['tea']],
      [root, 'pods', []],
      [bob, 'leave_room', ['lobby']],
      [alice, 'refresh_token', [tokenFor('alice')]], // which does not cover the room
    ];
    const left = next(alice, 'user_left');
    const changed = next(alice, 'presence_diff');
    const announced = next(alice, 'announcement');
    const ended = next(alice, 'access_ended');
    const sent = new Set<string>();
    for (const [client, name, args] of requests) {
      if (name === 'refresh_token') await changed; // after it she is in no room
      const events = clientEventsOf(client === root ? '/admin' : '/');
      const event = events.find((one) => one.name === name);
      expect(event, `${name} is not registered`).toBeDefined();
      const answer = event?.answer;
      const { ok, ...reply } = await client.emitWithAck(name, ...args);
      expect([name, ok]).toEqual([name, true]);
      if (answer) expect([name, answer.strict().safeParse(reply).error]).toEqual([name, undefined]);
      sent.add(name);
    }
    const refused = next(alice, 'error');
    alice.emit('typing', { roomId: 'elsewhere' });
    await Promise.all([left, announced, ended, refused]);

    const all = [...clientEventsOf('/'), ...clientEventsOf('/admin')].map(({ name }) => name);
    expect(
      all.filter((name) => !sent.has(name)),
      'client events this test must send',
    ).toEqual([]);
    const known = serverEvents.map(({ name }) => name);
    const unknown = [...got.keys()].filter((name) => !known.includes(name));
    expect(unknown, 'missing in serverEvents of service/protocol/events.ts').toEqual([]);
    const unseen = serverEvents.filter(({ name }) => !got.has(name));
    expect(unseen, 'server events this test must provoke').toEqual([]);
    for (const [name, args] of got) {
      const { schema } = serverEvents.find((event) => event.name === name) ?? {};
      expect([name, schema?.safeParse(args).error]).toEqual([name, undefined]);
    }
  });
});
