// The recovery window, and what is older than Redis keeps: never recovered if something may be
// missing, and always if nothing is.
import { describe, expect, it } from 'vitest';
import { sendTo } from '../../../test/harness/moving.ts';
import { nearAndFar, setClockAhead } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';

type Parts = Awaited<ReturnType<typeof nearAndFar>>;
type Client = Awaited<ReturnType<Parts['connect']>>['client'];

const keyOf = (client: Client) => `socket.io:/:session:${Reflect.get(client, '_pid')}`;

async function drop(client: Client): Promise<void> {
  const gone = next(client, 'disconnect');
  client.io.reconnection(false);
  client.io.engine.close();
  await gone;
}

async function reconnect(client: Client): Promise<boolean> {
  const back = next(client, 'connect');
  client.connect();
  await back;
  return client.recovered;
}

async function fieldOf({ redis }: Parts, client: Client, field: string): Promise<string> {
  return `${await redis.command('HGET', keyOf(client), field)}`;
}

describe('the recovery window', () => {
  const windowMs = 1_500;
  const short = {
    connectionStateRecovery: { maxDisconnectionDuration: windowMs, skipMiddlewares: false },
  };

  it('is over after a time of tries that never complete', async () => {
    const { far, connect, publish } = await nearAndFar({}, short);
    const { client, socket, seen } = await connect();
    await socket.join('room');
    const lostAt = performance.now();
    let tries = 0;
    far.io.use((trying, proceed) => {
      if (performance.now() - lostAt > 2 * windowMs) proceed();
      else {
        tries += 1;
        trying.conn.close();
      }
    });
    const back = next(client, 'connect');
    client.io.engine.close();
    await publish(['room'], 'missed');
    await back;
    expect(tries).toBeGreaterThan(1);
    expect([client.recovered, seen]).toEqual([false, []]);
  });

  /** A client of a server that is cut off, while Redis is down for longer than the window. */
  async function afterLongOutage() {
    const parts = await nearAndFar({}, short);
    const { redis, near, relay, connect } = parts;
    const { client, socket, seen } = await connect();
    await socket.join('room');
    relay.cut();
    await redis.kill();
    const downAt = performance.now();
    await until('the window is over', () => performance.now() - downAt > 2 * windowMs);
    await redis.start();
    await near.adapter.ready();
    return { ...parts, client, seen };
  }

  it('does not count while Redis is unavailable and the client is connected', async () => {
    const { near, client, seen, publish } = await afterLongOutage();
    expect(client.connected).toBe(true);
    await publish(['room'], 'missed');
    const gone = next(client, 'disconnect');
    sendTo(client, near.address);
    client.io.engine.close();
    await gone;
    await next(client, 'connect');
    expect(client.recovered).toBe(true);
    await until('the message is replayed', () => seen.length > 0);
    expect(seen).toEqual(['missed']);
  });

  it('counts from the end of an outage, if the process does not come back', async () => {
    const { near, client } = await afterLongOutage();
    client.io.reconnection(false);
    client.io.engine.close();
    const backAt = performance.now();
    await until('the window is over', () => performance.now() - backAt > 2 * windowMs);
    sendTo(client, near.address);
    expect(await reconnect(client)).toBe(false);
  });

  it('starts again once the client has answered, and not before', async () => {
    const parts = await nearAndFar();
    const { client } = await parts.connect();
    await drop(client);
    await until('it is gone', async () => (await fieldOf(parts, client, 'gone')) !== '');
    const gone = await fieldOf(parts, client, 'gone');
    expect(await reconnect(client)).toBe(true);
    expect(await fieldOf(parts, client, 'gone')).toBe(gone);
    await until('it has answered', async () => (await fieldOf(parts, client, 'gone')) === '');
  });
});

describe('when the clock of Redis steps forward', () => {
  it.each([
    ['', []],
    [', and the next message makes a new log', ['next']],
  ])('a client that missed a message is not recovered%s', async (_, later) => {
    const { redis, connect, publish } = await nearAndFar();
    const { client, socket } = await connect();
    await socket.join('room');
    await publish(['room'], 'first');
    await drop(client);
    await publish(['room'], 'missed');
    await setClockAhead(redis, 3_600_000);
    for (const text of later) await publish(['room'], text);
    expect(await reconnect(client)).toBe(false);
  });

  it('a client that is connected, and was silent for long, is recovered later', async () => {
    const { redis, connect, publish } = await nearAndFar({ noticeMsMax: 1_000 });
    const { client, socket, seen } = await connect();
    await socket.join('room');
    socket.to('room').emit('event', 'to all others');
    await setClockAhead(redis, 3_600_000);
    const start = Number(await redis.command('GET', 'socket.io:clock'));
    await until('all clients have answered since', async () => {
      const keys = (await redis.command('KEYS', 'socket.io:process:*')) as unknown as string[];
      const beats = await Promise.all(keys.map((key) => redis.command('GET', key)));
      return beats.every((beat) => Number(`${beat}`.slice(0, 16)) >= start);
    });
    await drop(client);
    await publish(['room'], 'missed');
    expect(await reconnect(client)).toBe(true);
    await until('it arrives', () => seen.length > 0);
    expect(seen).toEqual(['missed']);
  });
});

describe('when Redis has lost all data', () => {
  it('sessions are saved again, and clients are recovered if nothing is missing', async () => {
    const { redis, connect, publish } = await nearAndFar();
    const { client, socket, seen } = await connect();
    await socket.join('room');
    await redis.command('FLUSHALL');
    await until('it is saved again', async () => {
      return Number(await redis.command('HEXISTS', keyOf(client), 'room:room')) === 1;
    });
    await publish(['room'], 'before');
    await until('it arrives', () => seen.includes('before'));
    await drop(client);
    await publish(['room'], 'missed');
    expect(await reconnect(client)).toBe(true);
    await until('the missed one arrives', () => seen.includes('missed'));
    expect(seen).toEqual(['before', 'missed']);
  });

  it('a client that may have missed a message is not recovered', async () => {
    const parts = await nearAndFar();
    const { redis, connect, publish } = parts;
    const { client, socket } = await connect();
    await socket.join('room');
    const key = keyOf(client);
    await drop(client);
    await until('it is gone', async () => (await fieldOf(parts, client, 'gone')) !== '');
    await publish(['room'], 'missed');
    const session = Object.entries((await redis.command('HGETALL', key)) as object).flat();
    await redis.command('FLUSHALL');
    await redis.command('HSET', key, ...session); // what a process writes that has it connected
    expect(await reconnect(client)).toBe(false);
  });
});
