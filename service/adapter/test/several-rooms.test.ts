// Messages to many rooms, and sessions in many rooms.
import { createClient } from '@redis/client';
import { describe, expect, it, onTestFinished } from 'vitest';
import { nearAndFar } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';

const long = {
  connectionStateRecovery: { maxDisconnectionDuration: 60_000, skipMiddlewares: false },
};
const numbers = (count: number) => Array.from({ length: count }, (_, n) => n);
const roomsOf = (count: number) => numbers(count).map((n) => `room-${n}`);

async function statistic({ redis }: Awaited<ReturnType<typeof nearAndFar>>, name: string) {
  const info = `${await redis.command('INFO')}`;
  return Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(info)?.[1]);
}

describe('a large message to many rooms', () => {
  const bytes = 100_000;

  it('is stored once', async () => {
    const parts = await nearAndFar();
    const rooms = roomsOf(1_000);
    await parts.publish(rooms, 'small');
    const before = await statistic(parts, 'used_memory_dataset');
    await parts.publish(rooms, 'x'.repeat(bytes));
    expect((await statistic(parts, 'used_memory_dataset')) - before).toBeLessThan(10 * bytes);
  });

  it('is sent to each process once', async () => {
    const { redis, connect, publish } = await nearAndFar();
    const listener = await createClient({ url: redis.url }).connect();
    onTestFinished(() => listener.destroy());
    const rooms = roomsOf(100);
    const member = await connect();
    await member.socket.join(rooms);
    const pushes: string[] = [];
    await listener.pSubscribe('socket.io:/:*', (message, channel) => {
      if (message.includes('to all of them')) pushes.push(channel);
    });
    await publish(rooms, 'to all of them');
    await publish(['room-1'], 'last');
    await until('the last one arrives', () => member.seen.includes('last'));
    expect(pushes).toHaveLength(1);
    expect(member.seen).toEqual(['to all of them', 'last']);
  });

  it('is recovered by members of all of them, and counts once', async () => {
    const { connect, publish } = await nearAndFar({}, long);
    const rooms = roomsOf(100);
    const clients: Awaited<ReturnType<typeof connect>>[] = [];
    for (const _ of numbers(20)) {
      const one = await connect();
      await one.socket.join(rooms);
      clients.push(one);
    }
    for (const { client } of clients) {
      client.io.reconnection(false);
      client.io.engine.close();
    }
    await publish(rooms, 'x'.repeat(bytes));
    const back = clients.map(({ client }) => next(client, 'connect'));
    for (const { client } of clients) client.io.reconnection(true) && client.connect();
    await Promise.all(back);
    expect(clients.map(({ client }) => client.recovered)).toEqual(clients.map(() => true));
    await until('all have it', () => clients.every(({ seen }) => seen.length > 0));
    await publish(rooms, 'last');
    await until('the last one arrives', () => clients.every(({ seen }) => seen.includes('last')));
    for (const { seen } of clients) expect(seen).toEqual(['x'.repeat(bytes), 'last']);
  });
});

it('a session that joins many rooms one by one writes each of them once', async () => {
  const parts = await nearAndFar();
  const { redis, connect } = parts;
  const { client, socket } = await connect();
  const rooms = numbers(500).map((n) => `${n} `.padEnd(40, 'x'));
  const before = await statistic(parts, 'total_net_input_bytes');
  for (const room of rooms) await socket.join(room);
  // 500 rooms of 40 characters, written with each join, are 6 MB.
  expect((await statistic(parts, 'total_net_input_bytes')) - before).toBeLessThan(2_000_000);
  const key = `socket.io:/:session:${Reflect.get(client, '_pid')}`;
  const fields = (await redis.command('HKEYS', key)) as unknown as string[];
  expect(fields.filter((field) => field.startsWith('room:')).sort()).toEqual(
    ['*', socket.id, ...rooms].map((room) => `room:${room}`).sort(),
  );
  const back = next(client, 'connect');
  client.io.engine.close();
  await back;
  expect(client.recovered).toBe(true);
});

it('clients in many rooms that come back together are recovered or told otherwise', async () => {
  const replayMessagesMax = 200;
  const { connect, publish } = await nearAndFar({ replayMessagesMax }, long);
  const [few, many] = [roomsOf(50), numbers(50).map((n) => `many-${n}`)];
  const clients: Awaited<ReturnType<typeof connect>>[] = [];
  for (const n of numbers(30)) {
    const one = await connect();
    await one.socket.join(n % 2 === 0 ? few : [...few, ...many]);
    clients.push(one);
  }
  for (const { client } of clients) {
    client.io.reconnection(false);
    client.io.engine.close();
  }
  const sent = few.flatMap((room) => numbers(3).map((n) => [room, `${room} ${n}`] as const));
  const others = many.flatMap((room) => numbers(3).map((n) => [room, `${n}`] as const));
  await Promise.all(
    [...sent, ...others].map(([room, text]) => publish([room], text, 'x'.repeat(5_000))),
  );
  const back = clients.map(({ client }) => next(client, 'connect'));
  for (const { client } of clients) client.io.reconnection(true) && client.connect();
  await Promise.all(back);
  const recovered = clients.map(({ client }) => client.recovered);
  expect(recovered).toEqual(clients.map((_, n) => n % 2 === 0));
  const those = clients.filter(({ client }) => client.recovered);
  await until('they have all', () => those.every(({ seen }) => seen.length === sent.length));
  for (const { seen } of those) expect(seen).toEqual(sent.map(([, text]) => text));
});
