// What happens if processes of other versions write formats that this version does not read.
import { createClient } from '@redis/client';
import { Server } from 'socket.io';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startRedis } from '../../../test/harness/redis.ts';
import { nearAndFar, threeServers } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';
import { formats } from '../delivery/formats.ts';
import { createAdapter } from '../index.ts';

const later = formats.newest + 1;
const inLaterFormat = Buffer.from([later, 1, 2, 3]);

/** Three servers with one client each, of which the first two are in the room `room`. */
async function observed() {
  const unreadable: string[] = [];
  const results: string[] = [];
  const reported: string[] = [];
  const observer = {
    unreadable: (kind: string, format: number) => void unreadable.push(`${kind} ${format}`),
    restoreEnded: (result: string) => void results.push(result),
    failed: (stage: string, error: unknown) => void reported.push(`${stage}: ${error}`),
  };
  const parts = await threeServers({ observer });
  await Promise.all([parts.sockets[0].join('room'), parts.sockets[1].join('room')]);
  return { ...parts, unreadable, results, reported };
}

describe('in a later format', () => {
  it('a live message disconnects the members of its room and nobody else', async () => {
    const { redis, clients, unreadable, reported } = await observed();
    const gone = [next(clients[0], 'disconnect'), next(clients[1], 'disconnect')];
    await redis.publish('socket.io:/:room:room', inLaterFormat as never);
    await Promise.all(gone);
    expect(clients[2].connected).toBe(true);
    expect(unreadable).toEqual([`message ${later}`, `message ${later}`]);
    const once = (texts: string[]) => texts.filter((text) => text.startsWith('unreadable: '));
    expect(once(reported)).toHaveLength(2); // once per process
    await redis.publish('socket.io:/:room:room', inLaterFormat as never);
    await until('it is counted', () => unreadable.length >= 3);
    expect(once(reported)).toHaveLength(2);
  });

  it.each([
    ['a log entry', later, `log_entry ${later}`],
    ['a log entry from before all formats', 0, 'log_entry 0'],
  ])('%s reads as trimmed', async (_, format, kind) => {
    const { redis, nodes, servers, clients, results, unreadable } = await observed();
    servers[2]?.to('room').emit('event');
    await next(clients[0], 'event');
    clients[0].io.reconnection(false);
    clients[0].io.engine.close();
    const later = await nodes[2]?.adapter.publish(nodes[2].io.to('another'), 'event', []);
    const entry = { d: Buffer.from([format, 1]) as never };
    await redis.xAdd('socket.io:/:log:room', `${later?.id}-0`, entry);
    clients[0].connect();
    await next(clients[0], 'connect');
    expect(clients[0].recovered).toBe(false);
    expect(results.at(-1)).toBe('unreadable');
    expect(unreadable).toContain(kind);
  });

  it.each([
    ['', String(later), `session ${later}`],
    [' from before all formats', '', 'session 0'],
  ])('a session%s is not recovered, and stays for those that read it', async (_, format, kind) => {
    const { redis, clients, results, unreadable } = await observed();
    const pid = Reflect.get(clients[0], '_pid');
    const key = `socket.io:/:session:${pid}`;
    clients[0].io.reconnection(false);
    clients[0].io.engine.close();
    await until('it is saved', async () => !!(await redis.hGet(key, 'gone')));
    if (format) await redis.hSet(key, 'format', format);
    else await redis.hDel(key, 'format');
    const before = await redis.hGetAll(key);
    clients[0].connect();
    await next(clients[0], 'connect');
    expect(clients[0].recovered).toBe(false);
    expect(results.at(-1)).toBe('unreadable');
    expect(unreadable).toEqual([kind]);
    expect(await redis.hGetAll(key)).toEqual(before);
  });

  it('a log entry from an outage of Redis disconnects the members of its room', async () => {
    const { near, far, redis, connect, publish, cutOff, mend } = await nearAndFar();
    const [inRoom, outside] = [await connect(), await connect()];
    await inRoom.socket.join('room');
    await publish(['room'], 'before');
    await until('it arrives', () => inRoom.seen.length === 1);
    await cutOff();
    const { id } = (await near.adapter.publish(near.io, 'event', ['meanwhile'])) ?? { id: '' };
    const entry = [`${Number(id) + 1}-0`, 'd', inLaterFormat.toString('latin1')];
    await redis.command('XADD', 'socket.io:/:log:room', ...entry);
    const gone = next(inRoom.client, 'disconnect');
    await mend();
    await gone;
    await until('the other one has it', () => outside.seen.includes('meanwhile'));
    expect(outside.client.connected).toBe(true);
    expect(far.io.of('/').sockets.has(outside.socket.id)).toBe(true);
  });
});

describe('a process', () => {
  const fields = (oldest: number, newest: number) => `${Date.now() + 60_000} ${oldest} ${newest}`;

  async function startBeside(other: string) {
    const redis = await startRedis();
    await redis.command('HSET', 'socket.io:formats', 'other', other);
    const adapter = createAdapter(createClient({ url: redis.url }), { observer: {} });
    const io = new Server({ adapter });
    onTestFinished(() => void io.of('/').adapter.close());
    return { redis, adapter, io };
  }

  it('does not start beside others that read none of its formats, and says why', async () => {
    const { redis, adapter } = await startBeside(fields(later, later + 1));
    const [oldest, newest] = [later, later + 1];
    await expect(adapter.ready()).rejects.toThrow(`read formats ${oldest} to ${newest}`);
    const known = await redis.command('HKEYS', 'socket.io:formats');
    expect(known).toEqual(['other']); // which go on
    await redis.command('DEL', 'socket.io:formats');
    const ready = async () => adapter.ready().then(() => true);
    await until('it starts', () => ready().catch(() => false));
  });

  it('is forgotten at once when it ends, and after its lease when it dies', async () => {
    const { redis, adapter, io } = await startBeside(`${Date.now() - 1} ${later} ${later}`);
    await adapter.ready();
    const known = () => redis.command('HKEYS', 'socket.io:formats') as Promise<unknown>;
    expect(await known()).not.toContain('other');
    expect(await known()).toHaveLength(2); // its own, and what is agreed on
    await io.of('/').adapter.close();
    expect(await known()).toEqual(['agreed']);
  });
});
