// The clock of Redis is set back while processes are connected: ids go on from where they were.
// Found by `make chaos`.
import { expect, it, onTestFinished } from 'vitest';
import { buildClocks } from '../../../test/harness/clock.ts';
import { startRedis } from '../../../test/harness/redis.ts';
import { nearAndFar } from '../../../test/harness/servers.ts';
import { next, until } from '../../../test/harness/service.ts';

const stepsMs = [2_000, 3_600_000];

it.for(stepsMs)('by %i ms: who joins afterwards misses nothing', async (ms, { skip }) => {
  const clocks = buildClocks();
  if (!clocks) return skip('the clock of a process cannot be set on this machine');
  onTestFinished(clocks.remove);
  const clock = clocks.create('redis');
  const { connect, publish } = await nearAndFar({}, {}, startRedis({}, clock.env));
  const { client, socket, seen } = await connect();
  clock.step(-ms);
  await publish([socket.id], 'before'); // it has the id after the last one
  await socket.join('room');
  const gone = next(client, 'disconnect');
  client.io.reconnection(false);
  client.io.engine.close();
  await gone;
  await publish(['room'], 'missed');
  const back = next(client, 'connect');
  client.io.reconnection(true); // on a busy machine the first attempt may take too long
  client.connect();
  await back;
  await publish(['room'], 'after');
  await until('the next one arrives', () => seen.includes('after'));
  expect([client.recovered, seen]).toEqual([true, ['before', 'missed', 'after']]);
});
