// A process with the largest supported number of rooms catches up after an outage of Redis.
import { expect, it } from 'vitest';
import { nearAndFar } from '../../../test/harness/servers.ts';
import { until } from '../../../test/harness/service.ts';

const socketCount = 32;
const roomsPerSocket = 640; // more than one SUBSCRIBE takes
const publishesPerOutage = 300;

it('a process with 20,000 rooms catches up after it lost Redis, and loses nothing', async () => {
  const { near, far, connect, publish, cutOff, mend } = await nearAndFar();
  const members: (Awaited<ReturnType<typeof connect>> & { rooms: string[] })[] = [];
  for (let n = 0; n < socketCount; n += 1) {
    const member = await connect();
    const rooms = Array.from({ length: roomsPerSocket }, (_, room) => `room-${n}-${room}`);
    await member.socket.join(rooms);
    members.push({ ...member, rooms });
  }
  expect(far.io.of('/').adapter.rooms.size).toBeGreaterThanOrEqual(socketCount * roomsPerSocket);
  for (const outage of [1, 2]) {
    await cutOff();
    const expected = new Map(members.map((member) => [member, [...member.seen]]));
    await Promise.all(
      Array.from({ length: publishesPerOutage }, (_, i) => {
        const member = members[i % socketCount] as (typeof members)[0];
        const room = member.rooms[(i * 7) % roomsPerSocket] as string;
        expected.get(member)?.push(`${outage}-${i}`);
        return publish([room], `${outage}-${i}`);
      }),
    );
    await mend();
    near.io.emit('event', `live ${outage}`);
    await until('all are live again', () =>
      members.every(({ seen }) => seen.includes(`live ${outage}`)),
    );
    for (const [{ seen }, before] of expected) expect(seen).toEqual([...before, `live ${outage}`]);
  }
  expect(members.every(({ client }) => client.connected)).toBe(true);
});
