// The trail: callbacks for single messages and sockets.
import { describe, expect, it } from 'vitest';
import { threeServers } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';
import type { Trail } from '../options.ts';

/** A trail that records its calls as short strings. */
function recordingTrail() {
  const calls: string[] = [];
  const trail: Trail & { active: boolean } = {
    active: true,
    published: ({ event, rooms, except }, { first }) =>
      calls.push(`published ${event} to ${rooms} except ${except} ${first ? 'first' : 'again'}`),
    publishFailed: ({ event }) => calls.push(`failed ${event}`),
    delivered: ({ id: sid }, id, replayed) =>
      calls.push(`delivered ${id.length} digits to ${sid}${replayed ? ', replayed' : ''}`),
    sent: ({ id }, event) => calls.push(`sent ${event} to ${id}`),
    restored: ({ result, replayed, sid }) =>
      calls.push(`restored ${sid}: ${result}, ${replayed} missed`),
  };
  return { trail, calls };
}

describe('the trail', () => {
  it('receives publishes, deliveries and restores', async () => {
    const { trail, calls } = recordingTrail();
    const { sockets, clients, first } = await threeServers({ trail });
    const [a, b] = sockets;
    await Promise.all([a.join('room'), b.join('room')]);
    first.to('room').except('x').emit('hello', 'text');
    await Promise.all([next(clients[0], 'hello'), next(clients[1], 'hello')]);
    expect(calls).toContain('published hello to room except 1 first');
    for (const { id } of [a, b]) expect(calls).toContain(`delivered 16 digits to ${id}`);
    const own = next(clients[1], 'own');
    b.emit('own');
    expect(calls).toContain(`sent own to ${b.id}`);
    await own;

    const [, client] = clients;
    client.io.reconnection(false);
    client.io.engine.close();
    await until('it is gone', () => !b.connected);
    first.to('room').emit('missed', 'text');
    const missed = next(client, 'missed');
    await until('it is published', () => calls.some((one) => one.startsWith('published missed')));
    client.connect();
    await missed;
    expect(calls).toContain(`restored ${b.id}: recovered, 1 missed`);
    expect(calls).toContain(`delivered 16 digits to ${b.id}, replayed`);
    expect(calls.join()).not.toContain('text');
  });

  it('receives publishes that Redis did not confirm', async () => {
    const { trail, calls } = recordingTrail();
    const { first, killRedis, nodes } = await threeServers({ trail });
    await killRedis();
    await until('it is noticed', () => nodes.every(({ adapter }) => !adapter.isUp()));
    first.emit('lost');
    await until('the observer is called', () => calls.includes('failed lost'));
  });

  it('receives nothing while it is not active', async () => {
    const { trail, calls } = recordingTrail();
    trail.active = false;
    const { first, clients, sockets } = await threeServers({ trail });
    const heard = clients.map((client) => next(client, 'hello'));
    first.emit('hello', 1);
    sockets[0].emit('own');
    await Promise.all(heard);
    expect(calls).toEqual([]);
  });
});
