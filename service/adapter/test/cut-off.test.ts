// A process loses its connection to Redis at the worst moment, while others publish.
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { nearAndFar } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';

describe('who connects while the process is cut off from Redis', () => {
  it('gets what is published from then on, and nothing from before', async () => {
    const { near, publish, connect, cutOff, mend } = await nearAndFar();
    await cutOff();
    await publish([], 'before');
    const { socket, seen } = await connect();
    await expect(socket.join('room')).rejects.toThrow('unavailable');
    await publish([], 1);
    await publish(['room'], 2);
    await publish([socket.id], 3);
    await mend();
    near.io.emit('event', 'last');
    await until('the last one arrives', () => seen.includes('last'));
    expect(seen).toEqual([1, 2, 3, 'last']);
  });

  it('and breaks before that is over, comes back with all rooms and all messages', async () => {
    const { publish, connect, cutOff, mend } = await nearAndFar();
    await cutOff();
    const { client, socket, seen } = await connect();
    await expect(socket.join('room')).rejects.toThrow('unavailable');
    const gone = next(client, 'disconnect');
    client.io.reconnection(false);
    client.io.engine.close();
    await gone;
    await publish([], 1);
    await publish(['room'], 2);
    await mend();
    client.connect();
    await next(client, 'connect');
    expect(client.recovered).toBe(true);
    await publish([], 3);
    await publish(['room'], 4);
    await until('the last one arrives', () => seen.includes(4));
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it("loses nothing when Redis's clock turns out to be behind", async () => {
    const { publish, connect, cutOff, mend } = await nearAndFar();
    await cutOff();
    const { now } = performance;
    const ahead = vi
      .spyOn(performance, 'now')
      .mockImplementation(() => now.call(performance) + 9e3);
    onTestFinished(() => ahead.mockRestore());
    const { socket, seen } = await connect();
    await expect(socket.join('room')).rejects.toThrow('unavailable');
    await publish([], 1);
    await publish(['room'], 2);
    await mend();
    await publish([], 'last');
    await until('the last one arrives', () => seen.includes('last'));
    expect(seen).toEqual([1, 2, 'last']);
  });
});

describe('a room', () => {
  it('that was being joined is read from the join on, whatever came of other rooms', async () => {
    const { relay, publish, connect, cutOff, mend } = await nearAndFar();
    const [one, other] = [await connect(), await connect()];
    await one.socket.join('a');
    relay.hold(); // the subscription to the room does not reach Redis
    const joining = other.socket.join('b');
    await publish(['b'], 1);
    await publish(['a'], 2);
    await until('the later one arrives', () => one.seen.includes(2));
    await cutOff();
    await expect(joining).rejects.toThrow();
    await mend();
    await publish(['a', 'b'], 'last');
    await until('the last one arrives', () => other.seen.includes('last'));
    expect([one.seen, other.seen]).toEqual([
      [2, 'last'],
      [1, 'last'],
    ]);
  });

  it('starts, for all who join, after what was published before anybody did', async () => {
    const { publish, connect } = await nearAndFar();
    const [one, other] = [await connect(), await connect()];
    await publish(['room'], 'before');
    await one.socket.join('room');
    await other.socket.join('room');
    const back = next(other.client, 'connect');
    other.client.io.engine.close();
    await back;
    expect(other.client.recovered).toBe(true);
    await publish(['room'], 'last');
    await until('the last one arrives', () => other.seen.includes('last'));
    expect(other.seen).toEqual(['last']);
  });
});

describe('a message to two rooms that has arrived for one of them', () => {
  /** A member of each room. The second lacks the message, and Redis is unreachable. */
  async function half(count: number) {
    const parts = await nearAndFar();
    const { relay, near, publish, connect } = parts;
    const [one, other] = [await connect(), await connect()];
    await one.socket.join('a');
    await other.socket.join('b');
    await publish(['a', 'b'], 0);
    await until('it arrives', () => other.seen.includes(0));
    const stopped = relay.stopAt('room:b');
    for (let n = 1; n <= count; n += 1) near.io.to(['a', 'b']).emit('event', n);
    await stopped;
    await until('one has it', () => one.seen.includes(count));
    return { ...parts, one, other };
  }

  it.each([1, 3])('reaches the other, too, be it %i in a bundle', async (count) => {
    const { publish, cutOff, mend, one, other } = await half(count);
    await cutOff();
    await mend();
    await publish(['a', 'b'], 'last');
    const all = [0, 1, 2, 3].slice(0, count + 1);
    for (const { seen } of [one, other]) {
      await until('the last one arrives', () => seen.includes('last'));
      expect(seen).toEqual([...all, 'last']);
    }
  });

  it('is replayed to who was shown a direct one before it', async () => {
    const { publish, cutOff, mend, one, other } = await half(1);
    const clients = [one, other];
    const shown = clients.map(({ client }) => next(client, 'direct'));
    for (const { socket } of clients) socket.emit('direct');
    await Promise.all(shown);
    for (const { client } of clients) {
      client.io.reconnection(false);
      client.io.engine.close();
    }
    await cutOff();
    await mend();
    for (const { client } of clients) client.connect();
    await Promise.all(clients.map(({ client }) => next(client, 'connect')));
    await publish(['a', 'b'], 'last');
    for (const { client, seen } of clients) {
      await until('the last one arrives', () => seen.includes('last'));
      expect([client.recovered, ...seen]).toEqual([true, 0, 1, 'last']);
    }
  });
});

describe('what arrives while the process catches up', () => {
  it('does not reach who connects or joins after it', async () => {
    const { relay, near, far, connect, publish, cutOff } = await nearAndFar();
    const early = await connect();
    await early.socket.join('room');
    await cutOff();
    await publish([], 'missed');
    const paused = relay.pauseAt('missed');
    relay.mend();
    const resume = await paused;
    await publish([], 'held');
    await publish(['room'], 'held for a room');
    const asked = new Promise((resolve) => far.io.once('question', resolve));
    near.io.serverSideEmit('question'); // requests do not wait, and follow the messages
    await asked;
    const late = await connect();
    const joined = late.socket.join('room');
    resume();
    await joined;
    await publish(['room'], 'last');
    for (const { seen } of [early, late]) {
      await until('the last one arrives', () => seen.includes('last'));
    }
    expect(early.seen).toEqual(['missed', 'held', 'held for a room', 'last']);
    expect(late.seen).toEqual(['last']);
  });

  it('is before the join of who joins afterwards', async () => {
    const { relay, connect, publish, cutOff } = await nearAndFar();
    const [early, first, second] = [await connect(), await connect(), await connect()];
    await early.socket.join('room');
    await cutOff();
    await publish(['room'], 'missed');
    const paused = relay.pauseAt('missed');
    relay.mend();
    const resume = await paused; // by now it has read up to where it catches up
    await publish(['quiet'], 'before');
    const joined = first.socket.join('quiet');
    resume();
    await joined;
    await second.socket.join('quiet');
    const back = next(second.client, 'connect');
    second.client.io.engine.close();
    await back;
    expect(second.client.recovered).toBe(true);
    await publish(['quiet'], 'last');
    for (const { seen } of [first, second]) {
      await until('the last one arrives', () => seen.includes('last'));
      expect(seen).toEqual(['last']);
    }
  });
});

describe('a session', () => {
  it('without the room of all is not restored', async () => {
    const { redis, publish, connect } = await nearAndFar();
    const { client, socket } = await connect();
    await socket.join('room');
    const key = `socket.io:/:session:${Reflect.get(client, '_pid')}`;
    await publish([], 1);
    client.io.reconnection(false);
    client.io.engine.close();
    await until('it is gone', async () => `${await redis.command('HGET', key, 'gone')}` !== '');
    expect(await redis.command('HDEL', key, 'room:*')).toBe(1);
    client.connect();
    await next(client, 'connect');
    expect(client.recovered).toBe(false);
  });
});
