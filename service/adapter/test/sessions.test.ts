// Sessions whose socket disconnects at an unusual moment.
import { connect, type Socket } from 'socket.io-client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { threeServers } from '../../../test/harness/servers.ts';
import { connected, next, until } from '../../../test/harness/service.ts';

type Parts = Awaited<ReturnType<typeof threeServers>>;

const sessionOf = (client: Socket) => `socket.io:/:session:${Reflect.get(client, '_pid')}`;

async function isSaved({ redis }: Parts, client: Socket): Promise<void> {
  await until('it is saved', async () => (await redis.exists(sessionOf(client))) === 1);
}

describe('the session of a socket', () => {
  it('that joins or leaves and is disconnected in the same step stays deleted', async () => {
    const parts = await threeServers();
    const { redis, sockets, clients, first } = parts;
    await isSaved(parts, clients[0]);
    const gone = next(clients[0], 'disconnect');
    void sockets[0].join('room');
    sockets[0].disconnect();
    await gone;
    void sockets[1].join('room'); // saved after any pending save of the first socket
    await sockets[1].join('another');
    await first.serverSideEmitWithAck('round trip').catch(() => {});
    expect(await redis.exists(sessionOf(clients[0]))).toBe(0);
  });

  it('that could not be saved is saved soon, without another change', async () => {
    const parts = await threeServers();
    const { redis, sockets, clients } = parts;
    await isSaved(parts, clients[0]);
    await redis.sendCommand(['ACL', 'SETUSER', 'default', '-hset']);
    await expect(sockets[0].join('room')).rejects.toThrow();
    await redis.sendCommand(['ACL', 'SETUSER', 'default', '+hset']);
    const fields = () => redis.hKeys(sessionOf(clients[0]));
    await until('the room is saved', async () => (await fields()).includes('room:room'));
  });

  it('that leaves while Redis is unavailable is known to be gone afterwards', async () => {
    const parts = await threeServers();
    const { sockets, clients, nodes, killRedis, restartRedis } = parts;
    await Promise.all(clients.map((client) => isSaved(parts, client)));
    await killRedis();
    await until('it is noticed', () => nodes.every(({ adapter }) => !adapter.isUp()));
    clients[0].io.reconnection(false);
    const gone = [next(clients[0], 'disconnect'), next(clients[1], 'disconnect')];
    sockets[0].conn.close();
    sockets[1].disconnect();
    await Promise.all(gone);
    await restartRedis();
    const { redis } = parts;
    await until('the first may expire', async () => {
      return !!(await redis.hGet(sessionOf(clients[0]), 'gone').catch(() => ''));
    });
    await until('the second is deleted', async () => !(await redis.exists(sessionOf(clients[1]))));
  });

  it('is deleted once its listener has stored its end, which is tried again', async () => {
    const stored = Promise.withResolvers<void>();
    let asked = 0;
    const ended = async () => {
      asked += 1;
      if (asked === 1) throw new Error('not stored');
      await stored.promise;
    };
    const ignore = () => {};
    const others = { opened: ignore, changed: ignore, released: ignore, lost: ignore };
    const parts = await threeServers({ sessions: { ...others, claimed: async () => true, ended } });
    const { redis, sockets, clients } = parts;
    await isSaved(parts, clients[0]);
    clients[0].disconnect();
    await until('it is tried again', () => asked === 2);
    await sockets[1].join('room');
    expect(await redis.exists(sessionOf(clients[0]))).toBe(1);
    stored.resolve();
    await until('it is deleted', async () => !(await redis.exists(sessionOf(clients[0]))));
  });

  it('is taken over from a connection that is closing, for good', async () => {
    const { nodes, first } = await threeServers();
    const { address, io } = nodes[0] as (typeof nodes)[0];
    const url = `${address}/socket.io/?EIO=4&transport=polling`;
    const { sid: engine } = JSON.parse((await (await fetch(url)).text()).slice(1));
    const arrived = new Promise<Parts['sockets'][0]>((resolve) => io.once('connection', resolve));
    await fetch(`${url}&sid=${engine}`, { method: 'POST', body: '40{}' });
    const [text = ''] = (await (await fetch(`${url}&sid=${engine}`)).text()).split('\x1e');
    const { sid, pid } = JSON.parse(text.slice(2));
    const old = await arrived;
    await old.join('room');
    old.conn.close(); // its next poll will never come
    expect(old.conn.readyState).toBe('closing');
    const back = connect(address, { auth: { pid, offset: '' }, transports: ['websocket'] });
    onTestFinished(() => void back.disconnect());
    await connected(back);
    expect(back.id).toBe(sid);
    expect(old.connected).toBe(false);
    expect(first.sockets.get(sid)?.rooms).toContain('room');
  });

  it('is recovered without the rooms that the client may not rejoin', async () => {
    const asked: unknown[] = [];
    const admit = async (auth: object, rooms: string[], namespace: string) => {
      asked.push([auth, rooms.toSorted(), namespace]);
      if (asked.length === 1) throw new Error('a temporary failure');
      return rooms.filter((room) => room !== 'secret');
    };
    const { sockets, clients, first, nodes } = await threeServers({ admit });
    const [client] = clients;
    client.auth = { ticket: 7 };
    const sid = client.id as string;
    await sockets[0].join(['secret', 'open']);
    const seen: unknown[] = [];
    client.on('event', (value: unknown) => seen.push(value));
    const live = next(client, 'event');
    first.to('open').emit('event', 'live');
    await live;
    client.io.reconnection(false);
    client.io.engine.close();
    await until('it is gone', () => !first.sockets.has(sid));
    const { adapter, io } = nodes[1] as (typeof nodes)[0];
    for (const room of ['secret', 'open']) await adapter.publish(io.to(room), 'event', [room]);
    client.io.reconnection(true);
    client.connect();
    await connected(client);
    await adapter.publish(io.to('secret'), 'event', ['secret again']);
    const last = next(client, 'last');
    await adapter.publish(io.to('open'), 'last', []);
    await last;
    expect([client.id, client.recovered]).toEqual([sid, true]);
    expect(seen).toEqual(['live', 'open']);
    expect(first.sockets.get(sid)?.rooms).toEqual(new Set([sid, 'open']));
    const request = [expect.objectContaining({ ticket: 7 }), [sid, 'open', 'secret'].sort(), '/'];
    expect(asked).toEqual([request, request]);
  });

  it('gets what is sent to it while it is disconnecting', async () => {
    const { sockets, clients, first } = await threeServers();
    const [client] = clients;
    const seen = next(client, 'first');
    first.emit('first');
    await seen;
    sockets[0].on('disconnecting', () => sockets[0].emit('farewell', 1));
    const farewell = next(client, 'farewell');
    client.io.engine.close();
    await farewell;
    expect(client.recovered).toBe(true);
  });

  it('is recovered when nothing was ever published', async () => {
    const parts = await threeServers();
    const [client] = parts.clients;
    await isSaved(parts, client);
    const back = next(client, 'connect');
    client.io.engine.close();
    await back;
    expect(client.recovered).toBe(true);
  });

  it('has the data object that was put in place of the first one', async () => {
    const { redis, sockets, clients } = await threeServers();
    sockets[0].data = { name: 'new' };
    await sockets[0].join('room');
    const state = await redis.hGet(sessionOf(clients[0]), 'state');
    expect(JSON.parse(`${state}`).data).toEqual({ name: 'new' });
  });
});
